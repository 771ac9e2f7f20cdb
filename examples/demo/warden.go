package main

import (
	"encoding/json"
	"net/http"
)

// wardenHandler breaks and mends the gates, and tells how they are. It has a
// port of its own, so that it can be asked when no gate is open.
func wardenHandler(gates []*gate) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter) {
		type state struct {
			Name   string `json:"name"`
			Open   bool   `json:"open"`
			Served int64  `json:"served"`
		}
		var all []state
		for _, g := range gates {
			all = append(all, state{g.Name, g.isOpen(), g.served.Load()})
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		json.NewEncoder(w).Encode(all)
	}
	find := func(w http.ResponseWriter, r *http.Request) *gate {
		for _, g := range gates {
			if g.Name == r.PathValue("gate") {
				return g
			}
		}
		http.Error(w, "no such gate: north, east, south or west", http.StatusNotFound)
		return nil
	}
	mux.HandleFunc("GET /gates", func(w http.ResponseWriter, r *http.Request) { answer(w) })
	mux.HandleFunc("POST /break/{gate}", func(w http.ResponseWriter, r *http.Request) {
		if g := find(w, r); g != nil {
			g.shut()
			answer(w)
		}
	})
	mux.HandleFunc("POST /mend/{gate}", func(w http.ResponseWriter, r *http.Request) {
		g := find(w, r)
		if g == nil {
			return
		}
		if err := g.mend(); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		answer(w)
	})
	return mux
}
