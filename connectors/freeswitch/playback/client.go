package playback

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

type format uint8

const (
	plainFormat format = iota
	jsonFormat
)

// client is one connection. All but the connection itself is guarded by the
// server's mutex, so that an answer and the events around it come in the order in
// which they were true.
type client struct {
	server *Server
	conn   net.Conn

	ready     sync.Cond // there is something to write, or nothing ever again
	out       [][]byte
	finishing bool // close once out is written
	gone      bool
	lost      int // events that found the queue full

	authorized bool
	format     format
	all        bool // event ALL
	events     map[string]bool
	subclasses map[string]bool
}

func newClient(s *Server, conn net.Conn) *client {
	c := &client{server: s, conn: conn, events: make(map[string]bool), subclasses: make(map[string]bool)}
	c.ready.L = &s.mu
	return c
}

// send queues bytes that are never dropped.
func (c *client) send(b []byte) {
	if c.gone || c.finishing {
		return
	}
	c.out = append(c.out, b)
	c.ready.Signal()
}

func (c *client) reply(text string) {
	c.send(fmt.Appendf(nil, "Content-Type: command/reply\nReply-Text: %s\n\n", text))
}

// offer queues an event, or loses it. FreeSWITCH throws a client out that has
// lost too many in a row.
func (c *client) offer(frame []byte) {
	if len(c.out) < c.server.Queue {
		c.lost = 0
		c.send(frame)
		return
	}
	if c.lost++; c.lost > mostLost {
		c.finish(disconnectNotice("killed listener because of lost events\n"))
	}
}

// finish closes the connection after what is queued, and after a last frame.
func (c *client) finish(last string) {
	if last != "" {
		c.send([]byte(last))
	}
	c.finishing = true
	c.ready.Signal()
}

// cut closes the connection at once.
func (c *client) cut() {
	c.gone = true
	c.out = nil
	c.conn.Close()
	c.ready.Signal()
}

// goodbyeTime is how long a client may take to close its side.
const goodbyeTime = 5 * time.Second

// write sends what is queued until the connection ends.
func (c *client) write() {
	defer c.close()
	w := bufio.NewWriterSize(c.conn, 64<<10)
	for {
		out, more := c.take()
		for _, b := range out {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
		if w.Flush() != nil || !more {
			return
		}
	}
}

// close ends the stream, and the connection when the client has closed its side
// too: a command that crosses the end must not cost it what it has yet to read.
func (c *client) close() {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.conn.SetReadDeadline(time.Now().Add(goodbyeTime)) != nil {
		c.conn.Close()
	}
}

// take waits for something to write; more is false for the last time.
func (c *client) take() (out [][]byte, more bool) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	for len(c.out) == 0 && !c.finishing && !c.gone {
		c.ready.Wait()
	}
	out, c.out = c.out, nil
	c.server.room.Broadcast()
	return out, !c.finishing && !c.gone
}

// readCommands serves the client's commands until the connection ends. A command
// is a line, then perhaps headers, and an empty line.
func (c *client) readCommands() {
	lines := bufio.NewScanner(c.conn)
	command := ""
	headers := make(map[string]string)
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		switch {
		case line == "" && command == "":
		case line == "":
			c.do(command, headers)
			command = ""
			clear(headers)
		case command == "":
			command = line
		default:
			name, value, _ := strings.Cut(line, ":")
			headers[strings.ToLower(name)] = strings.TrimSpace(value)
		}
	}
}

// do executes one command. As in FreeSWITCH a command is known by its start, in
// any case.
func (c *client) do(command string, headers map[string]string) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = s.clock().Now()
	lower := strings.ToLower(command)
	is := func(start string) bool { return strings.HasPrefix(lower, start) }
	switch {
	case is("exit"):
		c.reply("+OK bye")
		c.goodbye()
	case !c.authorized && is("auth "):
		if command[len("auth "):] == s.Password {
			c.authorized = true
			c.reply("+OK accepted")
			return
		}
		c.reply("-ERR invalid")
		c.goodbye()
	case !c.authorized:
		c.reply("-ERR command not found")
	case is("event"):
		c.subscribe(strings.Fields(command)[1:])
	case is("nixevent"):
		c.nix(strings.Fields(command)[1:])
	case is("noevents"):
		c.noEvents()
	case is("filter delete"):
		c.reply("+OK filter deleted. [" + strings.TrimSpace(command[len("filter delete"):]) + "]")
	case is("filter "):
		name, value, _ := strings.Cut(command[len("filter "):], " ")
		c.reply("+OK filter added. [" + name + "]=[" + value + "]")
	case is("api "):
		answer := s.answer(strings.TrimSpace(command[len("api "):]))
		c.send(fmt.Appendf(nil, "Content-Type: api/response\nContent-Length: %d\n\n%s", len(answer), answer))
	case is("bgapi "):
		c.background(strings.TrimSpace(command[len("bgapi "):]), headers["job-uuid"])
	case is("linger"), is("nolinger"):
		c.reply("-ERR not controlling a session") // that is for outbound connections
	default:
		c.reply("-ERR command not found")
	}
}

func (c *client) goodbye() {
	c.finish(disconnectNotice("Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"))
}

// answer is the switch's answer to an api command, at this moment.
func (s *Server) answer(command string) string {
	if s.Speed > 0 {
		played := float64(s.clock().Now().Sub(s.start).Microseconds()) * s.Speed
		s.model.now = max(s.model.now, s.first+s.rewrite.shift-s.passed+int64(played))
	}
	if answer := s.model.api(command); answer != "" {
		return answer
	}
	return "-ERR no reply\n"
}

// background answers bgapi: a job now, and its result as an event.
func (c *client) background(command, job string) {
	s := c.server
	if job == "" {
		job = newUUID()
	}
	c.send(fmt.Appendf(nil, "Content-Type: command/reply\nReply-Text: +OK Job-UUID: %s\nJob-UUID: %s\n\n", job, job))
	name, arg, _ := strings.Cut(command, " ")
	answer := s.answer(command)
	event := s.model.newEvent("BACKGROUND_JOB", "", "Job-UUID", job, "Job-Command", name, "Job-Command-Arg", arg, "Content-Length", fmt.Sprint(len(answer)))
	// No model follows such an event: it cannot fail.
	_ = s.happen("BACKGROUND_JOB", "", append(event, answer...))
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
