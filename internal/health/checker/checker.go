package checker

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/health"
	"sallyport/internal/live"
)

// Member is one worker to check.
type Member struct {
	Worker *live.Worker
	Plan   *Plan
	// Log is told of transitions; may be nil.
	Log *errorlog.Logger
}

// Plan is one member's check, resolved. Immutable.
type Plan struct {
	health.Rules
	Request health.Request
	Expect  *health.Expect
	// Agent: the answer may advise (hcagent=on).
	Agent bool
	// Timeout bounds the whole check.
	Timeout time.Duration
	// Dial opens the connection, TLS and all; what it returns is closed after
	// the check. It gives up at the deadline and when the context ends.
	Dial func(ctx context.Context, deadline time.Time) (net.Conn, error)
	// Is names all of this: plans with the same Is do the same.
	Is string
}

// Checker checks members. Make one with New; Stop ends it. Safe for use by many
// goroutines.
type Checker struct {
	ctx   context.Context
	epoch time.Time
	end   context.CancelFunc
	wake  chan struct{}
	all   sync.WaitGroup

	mu    sync.Mutex
	tasks map[live.WorkerKey]*task
	queue queue
	// gen counts configurations; tasks of an older one go at End.
	gen     uint64
	limit   int // checks under way at a time; 0: no limit
	running int
	late    []*task // due, and waiting for the limit
	started bool
	next    time.Time // when run means to wake

	// spare takes checks to goroutines that have just ended one; waiting
	// counts them.
	spare   chan *task
	waiting int
}

// spares is how many goroutines wait for another check at most. One that is
// used again need not grow its stack once more.
const spares = 64

// task is a member's place in the schedule. Guarded by Checker.mu.
type task struct {
	Member
	gen  uint64
	due  time.Time
	at   int // in the queue; -1: not there
	busy bool
	gone bool
	anew bool // the plan changed while busy
}

// tick is how far apart wake-ups are at least: what is due within one is begun
// together.
const tick = 10 * time.Millisecond

// New makes a Checker. It has no goroutine before the first member comes.
func New() *Checker {
	p := &Checker{wake: make(chan struct{}, 1), tasks: map[live.WorkerKey]*task{}, spare: make(chan *task, spares), epoch: time.Now()}
	p.ctx, p.end = context.WithCancel(context.Background())
	return p
}

// Begin starts the list of a configuration's members. limit bounds the checks
// under way at a time; 0: no limit.
func (p *Checker) Begin(limit int) (gen uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gen++
	p.limit = limit
	return p.gen
}

// Add has a member checked, as long as the configuration of that number serves.
// One that is known under its key keeps its turn, unless it is now to be asked
// something else. Calls of a configuration that has been replaced do nothing.
func (p *Checker) Add(gen uint64, m Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if gen != p.gen || p.ctx.Err() != nil {
		return
	}
	key := m.Worker.Key()
	t := p.tasks[key]
	if t == nil || t.Worker != m.Worker {
		if t != nil {
			p.drop(t)
		}
		t = &task{at: -1}
		p.tasks[key] = t
	}
	before := t.Plan
	t.Member, t.gen = m, gen
	if !m.Plan.Agent {
		advise(m.Worker, live.Advice{}, m.Log) // of the configuration before
	}
	if before == nil || before.Is != m.Plan.Is {
		p.restart(t)
	}
}

// Remove has a member not checked any more.
func (p *Checker) Remove(gen uint64, key live.WorkerKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tasks[key]; t != nil && t.gen <= gen {
		p.drop(t)
	}
}

// Now has a member checked at once instead of in its turn. It reports false for
// one that is not checked at all.
func (p *Checker) Now(key live.WorkerKey) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tasks[key]
	if t == nil || t.Plan.Request.Method == health.None {
		return false
	}
	if !t.busy { // else it is asked just now
		p.unqueue(t)
		p.enqueue(t, time.Now())
	}
	return true
}

// Hurry tells that requests have found a worker in error: if it is checked
// faster then (hcfastinterval), it is from now on.
func (p *Checker) Hurry(w *live.Worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tasks[w.Key()]
	if t == nil || t.Worker != w || t.at < 0 || t.Plan.Fast <= 0 {
		return
	}
	if due := time.Now().Add(t.Plan.Fast); due.Before(t.due) {
		p.unqueue(t)
		p.enqueue(t, due)
	}
}

// End closes the list: members that it does not name are not checked any more.
func (p *Checker) End(gen uint64) { p.sweep(gen, func(t *task) bool { return t.gen != gen }) }

// Leave is called when the configuration of that number is closed: if no other
// has taken its place nobody is checked any more.
func (p *Checker) Leave(gen uint64) { p.sweep(gen, func(*task) bool { return true }) }

func (p *Checker) sweep(gen uint64, out func(*task) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if gen != p.gen {
		return
	}
	for _, t := range p.tasks {
		if out(t) {
			p.drop(t)
		}
	}
}

// Stop ends all checks and waits for their goroutines.
func (p *Checker) Stop() {
	p.mu.Lock()
	p.end()
	p.mu.Unlock()
	p.all.Wait()
}

// Len counts the members that are checked.
func (p *Checker) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, t := range p.tasks {
		if t.Plan.Request.Method != health.None {
			n++
		}
	}
	return n
}

// restart puts a task where its plan wants it; locked.
func (p *Checker) restart(t *task) {
	if t.busy {
		t.anew = true
		return
	}
	p.unqueue(t)
	if t.Plan.Request.Method == health.None {
		return
	}
	p.enqueue(t, time.Now().Add(t.Plan.First(rand.Float64())))
}

func (p *Checker) drop(t *task) {
	t.gone = true
	p.unqueue(t)
	if p.tasks[t.Worker.Key()] == t {
		delete(p.tasks, t.Worker.Key())
	}
}

func (p *Checker) unqueue(t *task) {
	if t.at >= 0 {
		heap.Remove(&p.queue, t.at)
	}
	for i, o := range p.late {
		if o == t {
			p.late = append(p.late[:i], p.late[i+1:]...)
			break
		}
	}
}

// enqueue has a task run at due; locked.
func (p *Checker) enqueue(t *task, due time.Time) {
	if p.ctx.Err() != nil {
		return
	}
	t.due = due
	heap.Push(&p.queue, &slot{due.Sub(p.epoch), t})
	if !p.started {
		p.started = true
		p.all.Add(1)
		go p.run()
		return
	}
	if due.Add(tick).Before(p.next) {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// run begins checks when they are due. While there are none it waits for news
// and costs nothing.
func (p *Checker) run() {
	defer p.all.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
		timer.Reset(p.begin(time.Now()))
	}
}

// begin starts what is due and returns the time until something else is.
func (p *Checker) begin(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	soon := now.Add(tick).Sub(p.epoch)
	for len(p.queue) > 0 && p.queue[0].due < soon {
		t := heap.Pop(&p.queue).(*task)
		if p.limit > 0 && p.running >= p.limit {
			p.late = append(p.late, t)
			continue
		}
		p.launch(t)
	}
	wait := time.Hour
	if len(p.queue) > 0 {
		wait = max(p.queue[0].due-now.Sub(p.epoch), tick)
	}
	p.next = now.Add(wait)
	return wait
}

// launch begins a check; locked.
func (p *Checker) launch(t *task) {
	if p.ctx.Err() != nil {
		return
	}
	t.busy = true
	p.running++
	if p.waiting > 0 {
		p.waiting--
		p.spare <- t
		return
	}
	p.all.Add(1)
	go p.work(t)
}

// work carries out checks until enough others wait for more.
func (p *Checker) work(t *task) {
	defer p.all.Done()
	for {
		if !p.check(t) {
			return
		}
		select {
		case t = <-p.spare:
		case <-p.ctx.Done():
			return
		}
	}
}

// check carries one check out and plans the next; true: its goroutine is to wait
// for another.
func (p *Checker) check(t *task) (wait bool) {
	p.mu.Lock()
	plan, log := t.Plan, t.Log
	p.mu.Unlock()
	r := plan.Check(p.ctx)
	p.mu.Lock()
	void := t.gone || t.anew || p.ctx.Err() != nil
	p.mu.Unlock()
	if !void {
		conclude(t.Worker, plan, log, &r)
	}
	next := time.Now().Add(plan.Next(t.Worker, rand.Float64()))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	t.busy = false
	switch {
	case t.gone:
	case t.anew:
		t.anew = false
		p.restart(t)
	default:
		p.enqueue(t, next)
	}
	if p.waiting < spares {
		p.waiting++
		wait = true
	}
	if len(p.late) > 0 && (p.limit == 0 || p.running < p.limit) {
		first := p.late[0]
		p.late = p.late[1:]
		p.launch(first)
	}
	return wait
}

// conclude lets package health judge a check, and logs what came of it.
func conclude(w *live.Worker, plan *Plan, log *errorlog.Logger, r *Reading) {
	if plan.Agent && r.Answer != nil {
		if a, ok := r.Answer.Agent(); ok {
			advise(w, a.Advice, log)
			if a.Down && r.Passed {
				r.Passed, r.Reason = false, "it says "+a.Word
			}
		}
	}
	switch plan.Take(w, r.Check) {
	case health.Disabled:
		// Unlike httpd: at a level that is logged by default, and with the
		// reason.
		log.Logf(errorlog.Warn, module, errorlog.Facts{}, "AH03303: Health check DISABLING %s: %s", w.Key().URL, r.Reason)
	case health.Enabled:
		log.Logf(errorlog.Warn, module, errorlog.Facts{}, "AH03302: Health check ENABLING %s: %s", w.Key().URL, r.Reason)
	}
	if log.Enabled(module, errorlog.Debug) {
		log.Logf(errorlog.Debug, module, errorlog.Facts{}, "AH03251: Health check %s of %s took %.1fms: %s",
			plan.Request.Method, w.Key().URL, r.Took.Seconds()*1000, r.Reason)
	}
}

// module is the name health checks log under.
const module = "proxy_hcheck"

func advise(w *live.Worker, a live.Advice, log *errorlog.Logger) {
	b := w.Balancer()
	b.Lock()
	news := w.Advise(a)
	b.Unlock()
	if news {
		log.Logf(errorlog.Notice, module, errorlog.Facts{}, "Agent of %s: factor %d%%, draining %v", w.Key().URL, cmpOr(a.Percent, 100), a.Drain)
	}
}

func cmpOr(v, def int32) int32 {
	if v == 0 {
		return def
	}
	return v
}

// queue is a heap by due. The dates stand beside the pointers, so that keeping
// it in order does not fetch every task from memory.
type queue []slot

type slot struct {
	due time.Duration // since the checker was made
	*task
}

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *queue) Push(x any) {
	s := x.(*slot)
	s.at = len(*q)
	*q = append(*q, *s)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last].task
	(*q)[last] = slot{}
	*q = (*q)[:last]
	t.at = -1
	return t
}
