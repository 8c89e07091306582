package metrics

// FactKind tells facts apart.
type FactKind uint8

// The kinds of facts; 0 is none.
const (
	SurveyFact FactKind = iota + 1
	DispositionFact
	TrainingFact
	FormFact
	factKinds
)

var factKindNames = [factKinds]string{"", "survey", "disposition", "training", "form"}

func (k FactKind) String() string { return nameOf(factKindNames[:], int(k)) }

// FactKindNames lists the kinds in the order of their numbers, from 1.
func FactKindNames() []string { return factKindNames[SurveyFact:] }

// Fact is something about an agent's work that no switch knows, and that somebody
// else tells: what a caller said of it, what became of the caller's case, a course
// that was taken, a form that somebody filled in.
type Fact struct {
	Kind FactKind
	// ID is the sender's: of one kind, two facts with one id are one, told twice.
	ID    string
	At    Millis // when it happened
	Agent string
	// Contact is the visit that it is about, and Switch where that was; "" for none.
	Contact, Switch string

	// The one of the kind is set.
	Survey      *Survey
	Disposition *Disposition
	Training    *Training
	Form        *Form
}

// has tells whether the fact has the part of a kind.
func (f *Fact) has(k FactKind) bool {
	switch k {
	case SurveyFact:
		return f.Survey != nil
	case DispositionFact:
		return f.Disposition != nil
	case TrainingFact:
		return f.Training != nil
	case FormFact:
		return f.Form != nil
	}
	return false
}

// Survey is what a caller answered; nil where the caller did not, or was not asked.
type Survey struct {
	CSAT     *int // satisfaction, 1 to 5
	NPS      *int // would recommend, 0 to 10
	Resolved *bool
}

// Disposition is what became of a caller's concern.
type Disposition struct {
	Code string // the site's own word for it
	Case string // of the system that keeps cases; "" for none
	// Due is until when the case had to be done, Done when it was; 0 for none.
	Due, Done Millis
}

// Training is a course that was taken.
type Training struct {
	Course string
	Passed bool
	// Points are what was reached of Of; both 0 where nobody counted.
	Points, Of int64
}

// Form is an assessment of the agent by somebody.
type Form struct {
	ID         string // which form it is
	Rater      string
	Points, Of int64
	Critical   bool // an item failed that no points make up for
	Sections   []Section
}

// Section is a part of a form.
type Section struct {
	ID         string
	Points, Of int64
	NA         bool // does not apply: left out of the form's points
}
