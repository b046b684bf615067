// A webhook receiver in Go, standard library only, on the raw bytes of the body.
//
//	WEBHOOK_SECRET=whsec_... PORT=3000 ./run      Go 1.19 or newer; nothing is installed
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const bodyBytesMax = 1 << 20 // a webhook is under 100 kB

var signature = regexp.MustCompile(`^t=(\d{1,12}),v1=([0-9a-f]{64})$`)

// verify says whether one of the secrets signed these bytes, within the last 5 minutes: what is older, somebody may have recorded.
func verify(body []byte, header string, secrets []string) bool {
	match := signature.FindStringSubmatch(header)
	if match == nil {
		return false
	}
	t, _ := strconv.ParseInt(match[1], 10, 64)
	if age := time.Now().Unix() - t; age > 300 || age < -300 {
		return false
	}
	received, _ := hex.DecodeString(match[2])
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(match[1] + "."))
		mac.Write(body)
		if hmac.Equal(received, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

type line struct {
	Verified bool   `json:"verified"`
	ID       string `json:"id,omitempty"`
	Status   string `json:"status,omitempty"`
	Attempt  int    `json:"attempt,omitempty"`
	Event    string `json:"event,omitempty"`
	Repeated bool   `json:"repeated"`
}

func say(got line) {
	text, _ := json.Marshal(got)
	fmt.Println(string(text))
}

func receive(secrets []string) http.HandlerFunc {
	var handled sync.Map // What came already. In production it is a unique column of your database.
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
		if err != nil || !verify(body, r.Header.Get("Sync-Signature"), secrets) {
			http.Error(w, "Invalid signature", http.StatusBadRequest)
			say(line{})
			return
		}
		w.WriteHeader(http.StatusOK)
		var generation struct{ ID, Status string }
		_ = json.Unmarshal(body, &generation)
		got := line{Verified: true, ID: generation.ID, Status: generation.Status}
		got.Event = r.Header.Get("Webhook-Id") // the same in every attempt
		if got.Event == "" {
			got.Event = got.ID + " " + got.Status
		}
		got.Attempt, _ = strconv.Atoi(r.Header.Get("Postsync-Attempt"))
		_, got.Repeated = handled.LoadOrStore(got.Event, true)
		say(got)
		if !got.Repeated {
			// Here your own work begins: put it on a queue.
		}
	}
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	secret := os.Getenv("WEBHOOK_SECRET") // two, separated by a comma, while one is rotated
	if secret == "" {
		fmt.Fprintln(os.Stderr, "WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(env("HOST", "127.0.0.1"), env("PORT", "3000")))
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v; PORT takes another one\n", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s/webhook\n", listener.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("/webhook", receive(strings.Split(secret, ",")))
	server := &http.Server{Handler: mux, ReadTimeout: 30 * time.Second}
	fmt.Fprintln(os.Stderr, server.Serve(listener))
	os.Exit(1)
}
