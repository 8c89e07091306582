package client

import "tallyd/connectors/api"

// Stamp is what every answer about the past begins with.
type Stamp struct {
	V    int    `json:"v" doc:"the version of the answer"`
	Site string `json:"site"`
}

// KPIs are figures over a span.
type KPIs struct {
	Stamp
	*api.KPIResult
	Health   []api.SwitchHealth `json:"switches" doc:"how the switches fare: what could not be seen is not counted"`
	Problems []string           `json:"store_problems,omitempty" doc:"what is wrong with the store"`
}

// Contacts are what became of single callers.
type Contacts struct {
	Stamp
	*api.ContactList
	Cursor string `json:"cursor,omitempty" doc:"where the next answer begins; none after the last"`
}

// Facts are what others told.
type Facts struct {
	Stamp
	*api.FactList
	Cursor string `json:"cursor,omitempty" doc:"where the next answer begins; none after the last"`
}

// Fed is what became of facts that were fed in, in the order in which they were sent.
type Fed struct {
	Stamp
	Facts []api.FactAnswer `json:"facts"`
}

// Export is what appraisals rest on.
type Export struct {
	Stamp
	*api.ExportList
}

// Scores are cards.
type Scores struct {
	Stamp
	*api.ScoreList
}

// Cycles are the periods whose scores were sealed.
type Cycles struct {
	Stamp
	Cycles []api.Cycle `json:"cycles"`
}

// Schemes are what people are appraised by.
type Schemes struct {
	Stamp
	*api.SchemeList
}

// History is somebody's sealed scores.
type History struct {
	Stamp
	*api.History
}

// Explanation says why a score is what it is.
type Explanation struct {
	Stamp
	*api.ExplainResult
}

// Alerts are what is raised, and the latest that cleared.
type Alerts struct {
	api.Header
	*api.AlertList
}

// Health is how the daemon and its connections fare.
type Health struct {
	api.Header
	Switches []api.SwitchHealth `json:"switches"`
	Pending  int                `json:"pending" doc:"closed quarter hours that wait for the disk"`
	Store    *api.StoreHealth   `json:"store,omitempty"`
	NATS     *NATSHealth        `json:"nats,omitempty"`
	Alerts   *api.AlertsHealth  `json:"alerts,omitempty"`
}

// NATSHealth is how what is published fares.
type NATSHealth struct {
	Connected bool `json:"connected"`
	// Streams tells how far the streams of rollups and contacts are.
	Streams *api.RecordsHealth `json:"streams,omitempty"`
}

// Alive tells that the daemon lives; what is shown is old if none comes for 15 s.
type Alive struct{ api.Header }

// Figure is one KPI of the catalogue.
type Figure struct {
	ID        string   `json:"id"`
	Formula   string   `json:"formula"`
	Unit      string   `json:"unit" doc:"1 (a count), ratio, ms, or per hour"`
	Direction string   `json:"direction" doc:"which is better: higher, lower, a band, or neither"`
	Source    string   `json:"source" doc:"who else defines it so"`
	Of        []string `json:"of" doc:"the kinds of row that have it"`
	Meaning   string   `json:"meaning"`
}
