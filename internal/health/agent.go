package health

import (
	"strconv"
	"strings"

	"sallyport/internal/live"
)

// AgentField is the response field in which a member may give its own word
// (hcagent=on); without it the first line of the body is read.
const AgentField = "Agent-Check"

// Agent is what a member says about itself.
type Agent struct {
	live.Advice
	// Down: it says that it is down; Word is how.
	Down bool
	Word string
}

// ParseAgent reads the words HAProxy's agents use, between blanks or commas:
// up, ready, drain, down, fail, stopped, maint, and a percentage of the
// member's factor (0% is drain). What is not said is as configured. ok is false
// when there is anything else in the text: then it is no agent's answer.
func ParseAgent(text string) (a Agent, ok bool) {
	line, _, _ := strings.Cut(text, "\n")
	words := strings.FieldsFunc(line, func(r rune) bool { return r <= ' ' || r == ',' })
	if len(words) > 8 {
		return a, false
	}
	for _, w := range words {
		switch l := strings.ToLower(w); l {
		case "up", "ready":
		case "drain":
			a.Drain = true
		case "down", "fail", "failed", "stopped", "maint":
			a.Down, a.Word = true, l
		default:
			n, err := strconv.Atoi(strings.TrimSuffix(l, "%"))
			if err != nil || !strings.HasSuffix(l, "%") || n < 0 || n > 1000 {
				return Agent{}, false
			}
			if a.Percent = int32(n); n == 0 {
				a.Drain = true
			}
		}
		ok = true
	}
	return a, ok
}

// Agent finds the member's own word in an answer.
func (a *Answer) Agent() (Agent, bool) {
	if s, there := a.Header.Find(AgentField); there {
		return ParseAgent(s)
	}
	return ParseAgent(a.Body)
}
