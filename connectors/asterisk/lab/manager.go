package lab

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"tallyd/connectors/asterisk/ami"
)

// Manager is what tells an Asterisk to do things: pause a member, transfer a
// call. It takes no events but AgentConnect, which says which channel a caller's
// agent has.
type Manager struct {
	conn net.Conn

	mu      sync.Mutex
	n       int
	waiting map[string]chan string
	channel map[string][2]string // by the caller's number: the caller's and the agent's channel
}

// Manager logs in.
func (a *Asterisk) Manager() (*Manager, error) {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", a.AMI), 5*time.Second)
	if err != nil {
		return nil, err
	}
	m := &Manager{conn: conn, waiting: map[string]chan string{}, channel: map[string][2]string{}}
	in := ami.NewReader(conn)
	if _, err := in.Greeting(); err != nil {
		return nil, err
	}
	go m.read(in)
	return m, m.Do("Login", "Username", AMIUser, "Secret", AMIPassword, "Events", "call,agent")
}

func (m *Manager) read(in *ami.Reader) {
	for {
		b, err := in.Next()
		if err != nil {
			return
		}
		m.mu.Lock()
		switch event := string(b.Event()); event {
		case "":
			if c := m.waiting[string(b.Get("ActionID"))]; c != nil {
				c <- string(b.Get("Response")) + " " + string(b.Get("Message"))
				delete(m.waiting, string(b.Get("ActionID")))
			}
		case "AgentConnect":
			m.channel[string(b.Get("CallerIDNum"))] = [2]string{string(b.Get("Channel")), string(b.Get("DestChannel"))}
		case "QueueCallerJoin":
			m.channel[string(b.Get("CallerIDNum"))] = [2]string{string(b.Get("Channel")), ""}
		}
		m.mu.Unlock()
	}
}

// Channels are the caller's and, once connected, the agent's channel.
func (m *Manager) Channels(number string) (caller, agent string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.channel[number]
	return c[0], c[1]
}

// Do asks for an action, with its arguments as keys and values, and waits for
// the answer.
func (m *Manager) Do(action string, arguments ...string) error {
	m.mu.Lock()
	m.n++
	id := fmt.Sprint("lab", m.n)
	c := make(chan string, 1)
	m.waiting[id] = c
	b := strings.Builder{}
	fmt.Fprintf(&b, "Action: %s\r\nActionID: %s\r\n", action, id)
	for i := 0; i+1 < len(arguments); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", arguments[i], arguments[i+1])
	}
	b.WriteString("\r\n")
	_, err := m.conn.Write([]byte(b.String()))
	m.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case answer := <-c:
		if !strings.HasPrefix(answer, "Success") {
			return fmt.Errorf("%s was answered %q", action, answer)
		}
		return nil
	case <-time.After(10 * time.Second):
		return errors.New(action + " was not answered")
	}
}

// Close logs off.
func (m *Manager) Close() { m.conn.Close() }
