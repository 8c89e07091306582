package config

import (
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"tallyd/rules/alert"
)

// Alerts says where the rules are, and who is told beside those who subscribe.
type Alerts struct {
	File    string  `yaml:"file"`
	Webhook Webhook `yaml:"webhook"`
}

// Webhook is a program that is told over HTTP.
type Webhook struct {
	URL        string `yaml:"url"`
	Secret     string `yaml:"secret"` // the key of the signatures
	SecretFile string `yaml:"secret_file"`
}

// leastSecret is how many bytes a secret has at the least.
const leastSecret = 16

func (d *decoder) checkAlerts(a *Alerts) {
	if a.File != "" {
		a.File = d.beside(a.File)
		d.readable("alerts.file", a.File)
	}
	w := &a.Webhook
	if *w == (Webhook{}) {
		return
	}
	if a.File == "" {
		d.Fault("alerts.webhook", "a webhook is told of alerts: a file with rules is needed")
	}
	d.webhookURL(w.URL)
	const at = "alerts.webhook"
	switch {
	case w.Secret == "" && w.SecretFile == "":
		d.Fault(at, "a secret or secret_file is needed: what is sent is signed with it")
		return
	case w.Secret != "" && w.SecretFile != "":
		d.Fault(at+".secret_file", "secret and secret_file are both set")
		return
	case w.SecretFile != "":
		b, err := os.ReadFile(d.beside(w.SecretFile))
		if err != nil {
			d.Fault(at+".secret_file", "secret_file: %v", err)
			return
		}
		w.Secret = strings.TrimRight(string(b), "\r\n")
	}
	if len(w.Secret) < leastSecret {
		d.Fault(at, "the secret has %d bytes, %d are the least", len(w.Secret), leastSecret)
	}
}

// webhookURL checks that what is told of people does not go over a network in the
// clear.
func (d *decoder) webhookURL(v string) {
	const at = "alerts.webhook.url"
	u, err := url.Parse(v)
	switch {
	case v == "":
		d.Fault(at, "a webhook needs the url that is called")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		d.Fault(at, "url %q is none, such as https://pager.example.org/tallyd", v)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		d.Fault(at, "url %q is not https: what is told of people would go over the network in the clear", v)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// LoadAlerts reads a file of alerts; the error is a Faults where its content is wrong.
// zone is whose hours are quiet unless the file says otherwise.
func LoadAlerts(path string, zone *time.Location) (*alert.Set, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, faults := alert.Read(path, b, zone)
	if len(faults) > 0 {
		return nil, faults
	}
	return s, nil
}
