package server

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"sync"
	"unicode/utf8"
)

// maxBody is the size, in bytes, of the largest body of a request.
const maxBody = 1 << 20

const jsonType = "application/json"

// bodies are buffers to read bodies into, each of which grows to at most twice maxBody.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readBody reads the body of a request, which is JSON as far as its headers, size and encoding can tell.
func (c *call) readBody() (string, error) {
	if sent := c.Header.Get("Content-Type"); sent != jsonType {
		if media, _, err := mime.ParseMediaType(sent); err != nil || media != jsonType {
			return "", statusErrorf(http.StatusBadRequest, "Content-Type: must be "+jsonType)
		}
	}
	body, _ := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(c.Body); err != nil { // limited to maxBody by serve
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return "", statusErrorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
		}
		return "", statusErrorf(http.StatusBadRequest, "unexpected end of the request body")
	}
	if !utf8.Valid(body.Bytes()) {
		return "", statusErrorf(http.StatusBadRequest, "the body is not UTF-8")
	}
	return body.String(), nil
}
