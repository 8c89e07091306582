package lab

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Recorder writes down what ARI and the manager interface send, in the form
// that tallyd replay reads. It is an application that Stasis can send callers
// to as well: it lets them go on at once.
type Recorder struct {
	a     *Asterisk
	wg    sync.WaitGroup
	stop  context.CancelFunc
	mu    sync.Mutex
	fault error
}

// Record begins to write ari-events.jsonl and ami-events.txt into a folder.
func (a *Asterisk) Record(ctx context.Context, folder string) (*Recorder, error) {
	ctx, stop := context.WithCancel(ctx)
	r := &Recorder{a: a, stop: stop}
	auth := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(ARIUser+":"+ARIPassword))}}
	ws, _, err := websocket.DefaultDialer.DialContext(ctx, fmt.Sprintf("ws://127.0.0.1:%d/ari/events?app=lab-ivr&subscribeAll=true", a.HTTP), auth)
	if err != nil {
		stop()
		return nil, err
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", a.AMI))
	if err != nil {
		stop()
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\n\r\nAction: QueueStatus\r\n\r\n", AMIUser, AMIPassword); err != nil {
		stop()
		return nil, err
	}
	context.AfterFunc(ctx, func() { ws.Close(); conn.Close() })
	files := [2]*os.File{}
	for i, name := range []string{"/ari-events.jsonl", "/ami-events.txt"} {
		if files[i], err = os.Create(folder + name); err != nil {
			stop()
			return nil, err
		}
	}
	r.wg.Go(func() { r.check(ctx, r.events(ws, files[0])) })
	r.wg.Go(func() { r.check(ctx, r.messages(conn, files[1])) })
	return r, nil
}

func (r *Recorder) check(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() == nil {
		r.fault = err
	}
}

// Close ends the recording; it fails if that broke off before.
func (r *Recorder) Close() error {
	r.stop()
	r.wg.Wait()
	return r.fault
}

func (r *Recorder) events(ws *websocket.Conn, f *os.File) error {
	w := bufio.NewWriter(f)
	defer func() { w.Flush(); f.Close() }()
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, `{"rx":%.6f,"ev":`, float64(time.Now().UnixMicro())/1e6)
		w.Write(b)
		if _, err := w.WriteString("}\n"); err != nil {
			return err
		}
		var e struct {
			Type        string
			Application string
			Channel     struct{ ID string }
		}
		if json.Unmarshal(b, &e) == nil && e.Type == "StasisStart" {
			go r.goOn(e.Channel.ID)
		}
	}
}

// goOn lets a caller leave the Stasis application after a moment.
func (r *Recorder) goOn(channel string) {
	time.Sleep(300 * time.Millisecond)
	req, err := http.NewRequest("POST", r.a.ARI()+"/channels/"+url.PathEscape(channel)+"/continue", nil)
	if err != nil {
		return
	}
	req.SetBasicAuth(ARIUser, ARIPassword)
	if res, err := http.DefaultClient.Do(req); err == nil {
		res.Body.Close()
	}
}

// messages copies the stream as it is, with a line before each block that says
// when it came.
func (r *Recorder) messages(conn net.Conn, f *os.File) error {
	w := bufio.NewWriter(f)
	defer func() { w.Flush(); f.Close() }()
	lines := bufio.NewReader(conn)
	blank := true
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		if blank && len(line) > 2 {
			fmt.Fprintf(w, "#rx %.6f\r\n", float64(time.Now().UnixMicro())/1e6)
		}
		blank = len(line) <= 2
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
}
