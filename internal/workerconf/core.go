package workerconf

import (
	"sallyport/internal/balancer"
	"sallyport/internal/live"
)

// Live gives what package live keeps of the worker's configuration.
func (w *Worker) Live() live.Configured {
	return live.Configured{
		Factor:   int32(w.LoadFactor.Or(DefaultLoadFactor)),
		LBSet:    uint8(w.LBSet.V),
		Route:    w.Route.V,
		Redirect: w.Redirect.V,
		MaxConn:  int32(w.MaxConn.V),
		Flags:    w.Status.V.On,
		Off:      w.Status.V.Off,
		Unproven: w.Health.Mandatory.V && w.Health.Method.Is && w.Health.Method.V != "NONE",
	}
}

// Member makes a balancer's member of the worker; data is the owner's.
func (w *Worker) Member(lw *live.Worker, data any) *balancer.Member {
	return &balancer.Member{
		Worker: lw, Retry: w.Retry.Or(DefaultRetry),
		SlowStart: w.SlowStart.V, HealedStart: w.Health.SlowStart.V,
		Data: data,
	}
}

// Core gives the settings package balancer elects by. method is the one that
// b.Method names.
func (b *Balancer) Core(method balancer.Method) balancer.Config {
	wait := b.Timeout.V
	if b.Queue.V > 0 && wait == 0 {
		wait = DefaultWait
	}
	return balancer.Config{
		Queue:           b.Queue.V,
		Retries:         b.Retries.V,
		Eject:           b.Eject.V,
		Method:          method,
		StickyCookie:    b.Sticky.V.Cookie,
		StickyPath:      b.Sticky.V.Path,
		Separator:       b.Separator.Or('.'),
		Semicolon:       b.Semicolon.V,
		NoFailover:      b.NoFailover.V,
		Timeout:         wait,
		MaxAttempts:     b.MaxAttempts.Or(-1),
		FailOnStatus:    b.FailOnStatus,
		FailOnTimeout:   b.FailOnTimeout.V,
		NoForceRecovery: !b.ForceRecovery.Or(true),
	}
}
