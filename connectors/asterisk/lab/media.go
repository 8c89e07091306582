package lab

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"time"
)

// media is one UDP port for the sound of all phones: what comes is thrown away,
// what goes is a hum. Asterisk takes Local channels without /n out of a call
// only once sound flows.
type media struct {
	conn net.PacketConn
	port int
}

func newMedia() (*media, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		b := make([]byte, 2048)
		for {
			if _, _, err := conn.ReadFrom(b); err != nil {
				return
			}
		}
	}()
	return &media{conn, conn.LocalAddr().(*net.UDPAddr).Port}, nil
}

func (m *media) close() { m.conn.Close() }

// Hum sends sound until the call ends: RTP, PCMU, 20 ms a packet.
func (c *Call) Hum() { c.hum(0) }

// Stutter hums, and loses one packet in so many.
func (c *Call) Stutter(oneIn uint16) { c.hum(oneIn) }

func (c *Call) hum(losing uint16) {
	go func() {
		b := make([]byte, 12+160)
		b[0] = 0x80
		binary.BigEndian.PutUint32(b[8:], rand.Uint32())
		for i := range b[12:] {
			b[12+i] = byte(0x70 + i%16)
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := uint16(0); ; n++ {
			binary.BigEndian.PutUint16(b[2:], n)
			binary.BigEndian.PutUint32(b[4:], uint32(n)*160)
			if to := c.target.Load(); to != nil && (losing == 0 || n%losing != 0) {
				if _, err := c.x.media.conn.WriteTo(b, to); err != nil {
					return
				}
			}
			select {
			case <-c.over:
				return
			case <-tick.C:
			}
		}
	}()
}
