// Package config reads tallyd's configuration: strict YAML, every fault at once
// with file:line:col, every key also in the environment. It opens nothing but
// the files it is told to read.
package config

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the box may have no zone files

	"tallyd/connectors/api"
	"tallyd/rules/document"
)

// Config is what people set. Default holds what they leave out.
type Config struct {
	Site        string                `yaml:"site"`
	Data        string                `yaml:"data"`
	TimeZone    string                `yaml:"time_zone"`
	Switches    []Switch              `yaml:"switches"`
	NATS        NATS                  `yaml:"nats"`
	HTTP        HTTP                  `yaml:"http"`
	Queues      map[string]Queue      `yaml:"queues"`
	QueueGroups map[string]QueueGroup `yaml:"queue_groups"`
	Numbers     Numbers               `yaml:"numbers"`
	Media       Media                 `yaml:"media"`
	RosterFile  string                `yaml:"roster_file"`
	SchemeFiles []string              `yaml:"scheme_files"`
	FormsFile   string                `yaml:"forms_file"`
	Retention   Retention             `yaml:"retention"`
	DiskBudget  Size                  `yaml:"disk_budget"` // of the store; 0 for none
	Alerts      Alerts                `yaml:"alerts"`
}

// Switch is one switch to attach to.
type Switch struct {
	Name         string `yaml:"name"`
	Kind         string `yaml:"kind"` // freeswitch or asterisk
	Address      string `yaml:"address"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	ARI          string `yaml:"ari"`
	Username     string `yaml:"username"`
	AMI          AMI    `yaml:"ami"`
}

// AMI is an Asterisk's manager interface.
type AMI struct {
	Address      string `yaml:"address"`
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
}

// NATS says where the bus is: embedded (Listen) or elsewhere (URL).
type NATS struct {
	Listen          string  `yaml:"listen"`
	URL             string  `yaml:"url"`
	CredentialsFile string  `yaml:"credentials_file"`
	Websocket       string  `yaml:"websocket"` // path under the HTTP address; "" for none
	TLS             TLS     `yaml:"tls"`       // of the embedded server
	Streams         Streams `yaml:"streams"`
}

// TLS is a server's certificate; without one it speaks in the clear.
type TLS struct {
	CertificateFile string `yaml:"certificate_file"`
	KeyFile         string `yaml:"key_file"`
}

// Streams says how the JetStream streams are made where they are not there yet.
type Streams struct {
	// Rollups and Contacts say how long a message is kept.
	Rollups  Age `yaml:"rollups"`
	Contacts Age `yaml:"contacts"`
	// Replicas is how many servers of a cluster keep it.
	Replicas int `yaml:"replicas"`
}

// HTTP says where pages and queries are served.
type HTTP struct {
	Listen string `yaml:"listen"`
	TLS    TLS    `yaml:"tls"`
}

// Queue is what the reader of the figures decides for a queue.
type Queue struct {
	ServiceLevel time.Duration `yaml:"service_level"`
	Target       Share         `yaml:"target"` // of callers who are to be answered within it
	ShortAbandon time.Duration `yaml:"short_abandon"`
	WrapUp       time.Duration `yaml:"wrap_up"`
}

// Media says when a call's audio was so bad that no appraisal rests on it: below this
// mean opinion score, 1 to 4.5; 0 for never.
type Media struct {
	BadBelow float64 `yaml:"bad_below"`
}

// Default runs on loopback and needs nothing but the switches.
func Default() Config {
	return Config{
		Site: "main", Data: "/var/lib/tallyd", TimeZone: "UTC",
		NATS: NATS{Listen: "127.0.0.1:4222", Websocket: "/nats", Streams: Streams{Rollups: Age{Days: 90}, Contacts: Age{Days: 7}, Replicas: 1}}, HTTP: HTTP{Listen: "127.0.0.1:8470"}, Numbers: numbersOf(""), Media: Media{BadBelow: api.DefaultBadMOS / 100.0},
		Retention: Retention{Contacts: Age{Months: 13}, Rollups: Age{Years: 5}},
	}
}

// webSocketForm is a path that nothing else of HTTP has.
var webSocketForm = regexp.MustCompile(`^/nats[a-z0-9/_-]*$`)

// DefaultQueue is used for a queue that is not configured, and for what one
// leaves out.
func DefaultQueue() Queue {
	return Queue{ServiceLevel: 20 * time.Second, Target: 0.8, ShortAbandon: 5 * time.Second}
}

// Fault and Faults are what is wrong with a file.
type (
	Fault  = document.Fault
	Faults = document.Faults
)

// Load reads a file, then the environment (TALLYD_HTTP_LISTEN is http.listen,
// TALLYD_SWITCHES_0_PASSWORD the first switch's password), over the defaults.
// An empty path means no file. The error is a Faults where the content is
// wrong.
func Load(path string, environ []string) (*Config, error) {
	c := Default()
	d := newDecoder(path)
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		d.Decode(b, &c)
	} else {
		d.File = "defaults"
	}
	d.environment(environ, &c)
	d.check(&c)
	if len(d.Faults) > 0 {
		return nil, d.Faults
	}
	return &c, nil
}

// check holds the values against each other and the world, but connects to
// nothing.
func (d *decoder) check(c *Config) {
	if c.Site == "" || len(c.Site) > 64 {
		d.Fault("site", "site %q must have 1 to 64 characters", c.Site)
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "Local" {
		d.Fault("time_zone", "time_zone %q is not a time zone's name, such as Asia/Shanghai", c.TimeZone)
	}
	seen := map[string]bool{}
	for i := range c.Switches {
		d.checkSwitch(fmt.Sprintf("switches.%d", i), &c.Switches[i], seen)
	}
	if c.NATS.URL != "" {
		d.url("nats.url", c.NATS.URL, "nats", "tls", "ws", "wss")
	} else {
		d.address("nats.listen", c.NATS.Listen)
	}
	if p := c.NATS.Websocket; p != "" && !webSocketForm.MatchString(p) {
		d.Fault("nats.websocket", "websocket %q is not a path that begins with /nats", p)
	}
	if n := c.NATS.Streams.Replicas; n < 1 || n > 5 {
		d.Fault("nats.streams.replicas", "replicas %d is not between 1 and 5", n)
	}
	if c.NATS.CredentialsFile != "" {
		c.NATS.CredentialsFile = d.beside(c.NATS.CredentialsFile)
		d.readable("nats.credentials_file", c.NATS.CredentialsFile)
	}
	d.address("http.listen", c.HTTP.Listen)
	d.certificate("http.tls", &c.HTTP.TLS)
	d.certificate("nats.tls", &c.NATS.TLS)
	if c.NATS.URL != "" && c.NATS.TLS != (TLS{}) {
		d.Fault("nats.tls", "tls is the embedded server's; one elsewhere has its own: a url with tls://")
	}
	for name, q := range c.Queues {
		def := DefaultQueue()
		if !d.Set("queues." + name + ".service_level") {
			q.ServiceLevel = def.ServiceLevel
		}
		if !d.Set("queues." + name + ".target") {
			q.Target = def.Target
		}
		if !d.Set("queues." + name + ".short_abandon") {
			q.ShortAbandon = def.ShortAbandon
		}
		for _, x := range []struct {
			key string
			v   time.Duration
			max time.Duration
		}{{"service_level", q.ServiceLevel, time.Hour}, {"short_abandon", q.ShortAbandon, time.Minute}, {"wrap_up", q.WrapUp, time.Hour}} {
			if x.v < 0 || x.v > x.max {
				d.Fault("queues."+name+"."+x.key, "%s %q must be between 0 and %s", x.key, x.v, x.max)
			}
		}
		c.Queues[name] = q
	}
	d.checkGroups(c.QueueGroups)
	d.checkNumbers(&c.Numbers)
	if b := c.Media.BadBelow; !(b == 0 || b >= 1 && b <= 4.5) {
		d.Fault("media.bad_below", "bad_below %v is neither 0 nor a mean opinion score, 1 to 4.5", b)
	}
	if c.DiskBudget != 0 && c.DiskBudget < leastBudget {
		d.Fault("disk_budget", "disk_budget %q must be at least %s", c.DiskBudget, leastBudget)
	}
	if c.RosterFile != "" {
		c.RosterFile = d.beside(c.RosterFile)
		d.readable("roster_file", c.RosterFile)
	}
	for i := range c.SchemeFiles {
		c.SchemeFiles[i] = d.beside(c.SchemeFiles[i])
		d.readable(fmt.Sprintf("scheme_files.%d", i), c.SchemeFiles[i])
	}
	if c.FormsFile != "" {
		c.FormsFile = d.beside(c.FormsFile)
		d.readable("forms_file", c.FormsFile)
	}
	d.checkAlerts(&c.Alerts)
}

// CheckSwitch tells what is wrong with a switch that stands in no file: a Faults.
func CheckSwitch(s Switch) error {
	d := newDecoder("the switch")
	d.checkSwitch("switch", &s, map[string]bool{})
	if len(d.Faults) > 0 {
		return d.Faults
	}
	return nil
}

func (d *decoder) checkSwitch(at string, s *Switch, seen map[string]bool) {
	switch {
	case s.Name == "":
		d.Fault(at, "a switch needs a name")
	case seen[s.Name]:
		d.Fault(at+".name", "switch name %q is used twice", s.Name)
	}
	seen[s.Name] = true
	switch s.Kind {
	case "freeswitch":
		if s.Address == "" {
			d.Fault(at, "switch %q needs the address of its event socket, such as 127.0.0.1:8021", s.Name)
		} else {
			d.address(at+".address", s.Address)
		}
		d.credentials(at, "", &s.Password, s.PasswordFile)
		d.unused(at, s.Kind, map[string]bool{"ari": s.ARI != "", "username": s.Username != "", "ami": s.AMI != AMI{}})
	case "asterisk":
		d.asterisk(at, s)
	default:
		d.Fault(at+".kind", "kind %q is neither freeswitch nor asterisk", s.Kind)
	}
}

func (d *decoder) asterisk(at string, s *Switch) {
	if s.ARI == "" {
		d.Fault(at, "switch %q needs the address of its ARI, such as http://127.0.0.1:8088/ari", s.Name)
	} else {
		d.url(at+".ari", s.ARI, "http", "https")
	}
	if s.Username == "" {
		d.Fault(at, "switch %q needs the username of a user in ari.conf", s.Name)
	}
	d.credentials(at, s.Username, &s.Password, s.PasswordFile)
	d.unused(at, s.Kind, map[string]bool{"address": s.Address != ""})
	if s.AMI == (AMI{}) {
		return
	}
	if s.AMI.Address == "" {
		d.Fault(at+".ami", "ami needs the address of the manager interface, such as 127.0.0.1:5038")
	} else {
		d.address(at+".ami.address", s.AMI.Address)
	}
	if s.AMI.Username == "" {
		d.Fault(at+".ami", "ami needs the username of a user in manager.conf")
	}
	d.credentials(at+".ami", s.AMI.Username, &s.AMI.Password, s.AMI.PasswordFile)
}

// credentials checks a user name and takes the password, from its file where it
// has one.
func (d *decoder) credentials(at, username string, password *string, file string) {
	d.secret(at, password, file)
	if strings.ContainsAny(*password, "\r\n") {
		d.Fault(at+".password", "the password holds a line break")
	}
	if strings.ContainsAny(username, "\r\n:") {
		d.Fault(at+".username", "username %q holds a colon or a line break", username)
	}
}

// unused says which keys a kind of switch has no use for: they are mistakes.
func (d *decoder) unused(at, kind string, given map[string]bool) {
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if given[key] {
			d.Fault(at+"."+key, "a switch of kind %s has no %s", kind, key)
		}
	}
}

// secret takes a secret from its file, where it has one.
func (d *decoder) secret(at string, secret *string, file string) {
	switch {
	case file == "" && *secret == "":
		d.Fault(at, "a password or password_file is needed")
	case file != "" && *secret != "":
		d.Fault(at+".password_file", "password and password_file are both set")
	case file != "":
		b, err := os.ReadFile(d.beside(file))
		if err != nil {
			d.Fault(at+".password_file", "password_file: %v", err)
			return
		}
		*secret = strings.TrimRight(string(b), "\r\n")
	}
}

func (d *decoder) address(at, v string) {
	host, port, err := net.SplitHostPort(v)
	if err != nil || port == "" || strings.Contains(host, "/") {
		d.Fault(at, "address %q is not host:port", v)
	}
}

func (d *decoder) url(at, v string, schemes ...string) {
	u, err := url.Parse(v)
	if err == nil {
		for _, s := range schemes {
			if u.Scheme == s && u.Host != "" {
				return
			}
		}
	}
	d.Fault(at, "%q is not a URL with one of the schemes %s", v, strings.Join(schemes, ", "))
}

// certificate checks that a certificate and its key are there and belong together.
func (d *decoder) certificate(at string, t *TLS) {
	switch {
	case *t == TLS{}:
		return
	case t.CertificateFile == "" || t.KeyFile == "":
		d.Fault(at, "certificate_file and key_file are needed, both or neither")
		return
	}
	t.CertificateFile, t.KeyFile = d.beside(t.CertificateFile), d.beside(t.KeyFile)
	if _, err := tls.LoadX509KeyPair(t.CertificateFile, t.KeyFile); err != nil {
		d.Fault(at, "%v", err)
	}
}

func (d *decoder) readable(at, file string) {
	f, err := os.Open(file)
	if err != nil {
		d.Fault(at, "%v", err)
		return
	}
	f.Close()
}

// beside resolves a relative path against the configuration file's folder.
func (d *decoder) beside(file string) string {
	if filepath.IsAbs(file) || d.File == "defaults" {
		return file
	}
	return filepath.Join(filepath.Dir(d.File), file)
}
