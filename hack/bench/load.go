package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// target is an HTTP endpoint with the requests that it is sent, in turn. They are made ahead, so that the
// client costs little and the same for every server.
type target struct {
	address string // host:port
	secure  bool
	// requests are whole, as they go over the wire.
	requests [][]byte
}

func newTarget(endpoint, token string, bodies [][]byte) (*target, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	t := &target{address: u.Host, secure: u.Scheme == "https"}
	authorization := ""
	if token != "" {
		authorization = "Authorization: Bearer " + token + "\r\n"
	}
	for _, body := range bodies {
		t.requests = append(t.requests, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
			u.Path, u.Host, authorization, len(body), body))
	}
	return t, nil
}

// connection is one that is kept alive, for one request after the other.
type connection struct {
	net.Conn
	*bufio.Reader
}

func (t *target) connect() (*connection, error) {
	c, err := net.DialTimeout("tcp", t.address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	if t.secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // a certificate that the server made itself
	}
	return &connection{c, bufio.NewReaderSize(c, 64<<10)}, nil // an answer to a batch is read at once
}

// ask sends a request and reads the whole answer, which it gives if it is wanted.
func (c *connection) ask(request []byte, body io.Writer) error {
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Conn.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	_, err = io.Copy(body, response.Body)
	return err
}

// open opens connections. Each has sent a request and has its answer: handshakes, and what servers do for a new
// connection, are not what is measured.
func (t *target) open(count int) (connections, error) {
	opened := make(connections, count)
	errs := make([]error, count)
	var opening sync.WaitGroup
	for i := range count {
		opening.Go(func() {
			c, err := t.connect()
			if err == nil {
				opened[i] = c
				err = c.ask(t.requests[i%len(t.requests)], io.Discard)
			}
			errs[i] = err
		})
	}
	opening.Wait()
	err := errors.Join(errs...)
	if err != nil {
		opened.close()
	}
	return opened, err
}

// connections are some to the same target.
type connections []*connection

func (all connections) close() {
	for _, c := range all {
		if c != nil {
			_ = c.Close()
		}
	}
}

// each works with all at the same time, and gives their first errors.
func (all connections) each(work func(*connection) error) error {
	errs := make([]error, len(all))
	var working sync.WaitGroup
	for i, c := range all {
		working.Go(func() { errs[i] = work(c) })
	}
	working.Wait()
	return errors.Join(errs...)
}

// closedLoop has each connection send its next request when it has the answer to the last. It gives how many
// were answered in that time.
func (t *target) closedLoop(ctx context.Context, all connections, d time.Duration) (answered int, err error) {
	var next, done atomic.Int64
	end := time.Now().Add(d)
	err = all.each(func(c *connection) error {
		for time.Now().Before(end) && ctx.Err() == nil {
			request := t.requests[int(next.Add(1))%len(t.requests)]
			if err := c.ask(request, io.Discard); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return int(done.Load()), errors.Join(err, ctx.Err())
}

// openLoop sends requests by a schedule, whether earlier ones have been answered or not, as far as there are
// connections. Latencies count from when a request was due: a server that stalls is charged for every request
// that had to wait. It also gives how late each request was sent, for want of a connection or because the client did not
// get to it.
func (t *target) openLoop(ctx context.Context, all connections, rate float64, d time.Duration) (took, late []time.Duration, err error) {
	total := int(rate * d.Seconds())
	took, late = make([]time.Duration, total), make([]time.Duration, total)
	due := make([]time.Time, total)
	slots := make(chan int, total)
	go func() {
		defer close(slots)
		began := time.Now().Add(10 * time.Millisecond) // when all wait
		for i := range total {
			due[i] = began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			sleepUntil(due[i])
			if ctx.Err() != nil {
				return
			}
			slots <- i
		}
	}()
	err = all.each(func(c *connection) error {
		for i := range slots {
			late[i] = time.Since(due[i])
			if err := c.ask(t.requests[i%len(t.requests)], io.Discard); err != nil {
				return err
			}
			took[i] = time.Since(due[i])
		}
		return nil
	})
	return took, late, errors.Join(err, ctx.Err())
}

// sleepUntil is more exact than time.Sleep, which an idle program's runtime lets end up to a millisecond late.
func sleepUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		spec := syscall.NsecToTimespec(left.Nanoseconds())
		_ = syscall.Nanosleep(&spec, nil) // a signal may end it early
	}
}

// newHTTPClient is for questions whose cost does not count.
func newHTTPClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections,
	}}
}
