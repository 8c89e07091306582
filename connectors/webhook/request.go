package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The headers of a request.
const (
	// SignatureHeader is t=SECONDS,v1=HEX: HEX is the HMAC-SHA256 of SECONDS, a dot and
	// the body under the secret. SECONDS is when the attempt was made, in Unix time: who
	// refuses old ones cannot be sent the same again by somebody else.
	SignatureHeader = "Tally-Signature"
	// IDHeader is the same in all attempts of one request, and in no other request.
	IDHeader = "Tally-Id"
)

// maxAnswer is how much is read of an answer, whose content says nothing to us.
const maxAnswer = 64 << 10

// refusal is why a request is not to be sent again.
type refusal struct{ what string }

func (r *refusal) Error() string { return r.what }

// Sign is the signature of a body as of a moment.
func Sign(secret []byte, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// attempt sends a call once. Where it is to be sent again, wait is how long the other
// side asks for that to take at the least.
func (h *Hook) attempt(ctx context.Context, c *call) (wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.cfg.URL, bytes.NewReader(c.body))
	if err != nil {
		return 0, &refusal{err.Error()}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "tallyd")
	r.Header.Set(IDHeader, c.id)
	r.Header.Set(SignatureHeader, Sign(h.cfg.Secret, time.Now(), c.body))
	resp, err := h.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address, in which there may be a secret
		}
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection can be used again
	what := "the answer is " + resp.Status
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return 0, nil
	case code == http.StatusTooManyRequests || code >= 500:
		return retryAfter(resp.Header.Get("Retry-After")), errors.New(what)
	case code >= 300 && code < 400:
		return 0, &refusal{fmt.Sprintf("%s, to %q: only 307 and 308 on the same host are followed", what, host(resp.Header.Get("Location")))}
	default:
		return 0, &refusal{what}
	}
}

// host is that of an address, whose rest is nobody's business.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// retryAfter reads how many seconds to wait; dates, which few send, are none.
func retryAfter(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
