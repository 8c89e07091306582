package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Exchange is a number of SIP phones behind one UDP port of loopback.
type Exchange struct {
	ctx    context.Context
	port   int // its own
	peer   int // Asterisk's
	ua     *sipgo.UserAgent
	client *sipgo.Client
	server *sipgo.Server
	dialog *sipgo.DialogUA
	ring   func(*Call)
	media  *media

	mu    sync.Mutex
	calls map[string]*Call // by Call-ID
}

// NewExchange opens the port. ring is called, in a goroutine of its own, for
// each call that comes in.
func NewExchange(ctx context.Context, port, peer int, ring func(*Call)) (*Exchange, error) {
	quiet := slog.New(slog.DiscardHandler)
	x := &Exchange{ctx: ctx, port: port, peer: peer, ring: ring, calls: map[string]*Call{}}
	var err error
	if x.media, err = newMedia(); err != nil {
		return nil, err
	}
	if x.ua, err = sipgo.NewUA(sipgo.WithUserAgent("tallyd-lab"), sipgo.WithUserAgentHostname("127.0.0.1")); err != nil {
		return nil, err
	}
	if x.server, err = sipgo.NewServer(x.ua, sipgo.WithServerLogger(quiet)); err != nil {
		return nil, err
	}
	l, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	x.port = l.LocalAddr().(*net.UDPAddr).Port
	if x.client, err = sipgo.NewClient(x.ua, sipgo.WithClientLogger(quiet), sipgo.WithClientHostname("127.0.0.1"),
		sipgo.WithClientPort(x.port), sipgo.WithClientConnectionAddr(fmt.Sprintf("127.0.0.1:%d", x.port))); err != nil {
		return nil, err
	}
	x.dialog = &sipgo.DialogUA{Client: x.client, ContactHDR: sip.ContactHeader{Address: sip.Uri{User: "lab", Host: "127.0.0.1", Port: x.port}}}
	x.server.OnInvite(x.onInvite)
	x.server.OnAck(func(r *sip.Request, tx sip.ServerTransaction) {
		if c := x.find(r); c != nil && c.in != nil {
			_ = c.in.ReadAck(r, tx)
		}
	})
	x.server.OnBye(func(r *sip.Request, tx sip.ServerTransaction) {
		c := x.find(r)
		if c == nil {
			_ = tx.Respond(sip.NewResponseFromRequest(r, 481, "No such call", nil))
			return
		}
		c.ended("remote")
		_ = tx.Respond(sip.NewResponseFromRequest(r, 200, "OK", nil))
	})
	ok := func(r *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(sip.NewResponseFromRequest(r, 200, "OK", nil))
	}
	x.server.OnOptions(ok)
	x.server.OnNotify(ok)
	x.server.OnInfo(ok)
	x.server.OnUpdate(ok)
	go func() { _ = x.server.ServeUDP(l) }()
	for { // only then does the client send from this port
		if _, err := x.ua.TransportLayer().GetConnection("udp", l.LocalAddr().String()); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	context.AfterFunc(ctx, func() { x.ua.Close(); l.Close(); x.media.close() })
	return x, nil
}

func callID(r *sip.Request) string {
	if h := r.CallID(); h != nil {
		return h.Value()
	}
	return ""
}

func (x *Exchange) find(r *sip.Request) *Call {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.calls[callID(r)]
}

func (x *Exchange) keep(id string, c *Call) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.calls[id] = c
}

// Call is one call of one phone.
type Call struct {
	x       *Exchange
	Number  string // the phone's
	From    string // who calls
	in      *sipgo.DialogServerSession
	out     *sipgo.DialogClientSession
	version atomic.Int64                // of the session description
	target  atomic.Pointer[net.UDPAddr] // where its media goes
	picked  atomic.Bool

	once     sync.Once
	over     chan struct{}
	By       string // who ended it: local, remote, cancelled; valid once Over is closed
	Answered time.Time
	Ended    time.Time
}

// Over is closed when the call has ended.
func (c *Call) Over() <-chan struct{} { return c.over }

func (c *Call) ended(by string) {
	c.once.Do(func() { c.By, c.Ended = by, time.Now(); close(c.over) })
}

// Wait waits until the call is over, or for a time; it tells which.
func (c *Call) Wait(d time.Duration) (over bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.over:
		return true
	case <-t.C:
		return false
	}
}

func (c *Call) sdp(mode string) []byte {
	version := c.version.Add(1)
	return fmt.Appendf(nil, "v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=%s\r\n",
		version, c.x.media.port, mode)
}

// onInvite takes a call, or a change of one.
func (x *Exchange) onInvite(r *sip.Request, tx sip.ServerTransaction) {
	if c := x.find(r); c != nil {
		res := sip.NewSDPResponseFromRequest(r, c.sdp("sendrecv"))
		res.AppendHeader(&x.dialog.ContactHDR)
		c.listenTo(r.Body())
		_ = tx.Respond(res)
		return
	}
	in, err := x.dialog.ReadInvite(r, tx)
	if err != nil {
		return
	}
	c := &Call{x: x, Number: r.Recipient.User, in: in, over: make(chan struct{})}
	if f := r.From(); f != nil {
		c.From = f.Address.User
	}
	c.listenTo(r.Body())
	x.keep(callID(r), c)
	if err := in.Respond(180, "Ringing", nil); err != nil {
		c.ended("cancelled")
		return
	}
	go func() {
		select {
		case <-in.Context().Done():
			if !c.picked.Load() {
				c.ended("cancelled")
			}
		case <-x.ctx.Done():
		case <-c.over:
		}
	}()
	go x.ring(c)
	select { // the transaction ends with this function
	case <-c.over:
	case <-x.ctx.Done():
	}
}

// Answer picks up.
func (c *Call) Answer() error {
	select {
	case <-c.over:
		return errors.New("the caller gave up")
	default:
	}
	c.Answered = time.Now()
	c.picked.Store(true)
	return c.in.RespondSDP(c.sdp("sendrecv"))
}

// Decline answers 486.
func (c *Call) Decline() {
	_ = c.in.Respond(486, "Busy Here", nil)
	c.ended("local")
}

// Hangup ends an answered call.
func (c *Call) Hangup() {
	ctx, stop := context.WithTimeout(context.Background(), 4*time.Second)
	defer stop()
	c.ended("local")
	if c.in != nil {
		_ = c.in.Bye(ctx)
	} else if c.out != nil {
		_ = c.out.Bye(ctx)
	}
}

// do sends a request within the call.
func (c *Call) do(r *sip.Request) (*sip.Response, error) {
	ctx, stop := context.WithTimeout(context.Background(), 4*time.Second)
	defer stop()
	if c.in != nil {
		return c.in.Do(ctx, r)
	}
	return c.out.Do(ctx, r)
}

func (c *Call) remote() sip.Uri {
	if c.in != nil {
		return c.in.InviteRequest.Contact().Address
	}
	return c.out.InviteResponse.Contact().Address
}

// Hold puts the other side on hold, or takes it back.
func (c *Call) Hold(on bool) error {
	mode := "sendrecv"
	if on {
		mode = "sendonly"
	}
	r := sip.NewRequest(sip.INVITE, c.remote())
	r.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	r.AppendHeader(&c.x.dialog.ContactHDR)
	r.SetBody(c.sdp(mode))
	res, err := c.do(r)
	if err != nil {
		return err
	}
	ack := sip.NewRequest(sip.ACK, c.remote())
	for _, h := range []sip.Header{r.From(), res.To(), r.CallID(), &sip.CSeqHeader{SeqNo: r.CSeq().SeqNo, MethodName: sip.ACK}} {
		ack.AppendHeader(sip.HeaderClone(h))
	}
	return c.x.client.WriteRequest(ack)
}

// Transfer sends the other side to a number without talking to it first.
func (c *Call) Transfer(number string) error {
	return c.refer(fmt.Sprintf("<sip:%s@127.0.0.1:%d>", number, c.x.peer))
}

// Join joins the other side of this call with that of another one.
func (c *Call) Join(other *Call, number string) error {
	d := other.out.InviteResponse
	from, _ := d.From().Params.Get("tag")
	to, _ := d.To().Params.Get("tag")
	return c.refer(fmt.Sprintf("<sip:%s@127.0.0.1:%d?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s>", number, c.x.peer, d.CallID().Value(), to, from))
}

func (c *Call) refer(to string) error {
	r := sip.NewRequest(sip.REFER, c.remote())
	r.AppendHeader(sip.NewHeader("Refer-To", to))
	r.AppendHeader(sip.NewHeader("Referred-By", fmt.Sprintf("<sip:%s@127.0.0.1>", c.Number)))
	r.AppendHeader(&c.x.dialog.ContactHDR)
	_, err := c.do(r)
	return err
}

// Press sends a key.
func (c *Call) Press(key string) error {
	r := sip.NewRequest(sip.INFO, c.remote())
	r.AppendHeader(sip.NewHeader("Content-Type", "application/dtmf-relay"))
	r.SetBody([]byte("Signal=" + key + "\r\nDuration=160\r\n"))
	_, err := c.do(r)
	return err
}

// Dial calls a number and waits for the answer until ctx ends, which cancels.
// The trunk is where callers come from.
func (x *Exchange) Dial(ctx context.Context, from, name, to string, trunk bool) (*Call, error) {
	c := &Call{x: x, Number: from, over: make(chan struct{})}
	headers := []sip.Header{
		&sip.FromHeader{DisplayName: name, Address: sip.Uri{User: from, Host: "127.0.0.1"}, Params: tagged()},
		sip.NewHeader("Content-Type", "application/sdp"),
	}
	if trunk {
		headers = append(headers, sip.NewHeader("X-Trunk", "1"))
	}
	out, err := x.dialog.Invite(ctx, sip.Uri{User: to, Host: "127.0.0.1", Port: x.peer}, c.sdp("sendrecv"), headers...)
	if err != nil {
		return nil, err
	}
	c.out = out
	x.keep(callID(out.InviteRequest), c)
	if err := out.WaitAnswer(ctx, sipgo.AnswerOptions{}); err != nil {
		c.ended("cancelled")
		return c, err
	}
	c.listenTo(out.InviteResponse.Body())
	c.Answered = time.Now()
	return c, out.Ack(context.Background())
}

func tagged() sip.HeaderParams {
	p := sip.NewParams()
	p.Add("tag", sip.GenerateTagN(16))
	return p
}

// Register registers a phone, or ends its registration with 0 seconds.
func (x *Exchange) Register(ctx context.Context, number string, seconds int) error {
	r := sip.NewRequest(sip.REGISTER, sip.Uri{Host: "127.0.0.1", Port: x.peer})
	r.AppendHeader(&sip.FromHeader{Address: sip.Uri{User: number, Host: "127.0.0.1"}, Params: tagged()})
	r.AppendHeader(&sip.ToHeader{Address: sip.Uri{User: number, Host: "127.0.0.1"}})
	r.AppendHeader(&sip.ContactHeader{Address: sip.Uri{User: number, Host: "127.0.0.1", Port: x.port}})
	r.AppendHeader(sip.NewHeader("Expires", fmt.Sprint(seconds)))
	res, err := x.client.Do(ctx, r)
	if err == nil && res.StatusCode != 200 {
		err = fmt.Errorf("registration of %s was answered %d", number, res.StatusCode)
	}
	return err
}

// listenTo notes where the other side wants its media.
func (c *Call) listenTo(sdp []byte) {
	for line := range strings.Lines(string(sdp)) {
		var port int
		if _, err := fmt.Sscanf(line, "m=audio %d", &port); err == nil && port > 0 {
			c.target.Store(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		}
	}
}
