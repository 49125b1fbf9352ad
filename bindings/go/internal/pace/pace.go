// Package pace says when each connection that lives on while a server drains is told goodbye.
//
// It is what bindings/core/src/drain/pace.rs is for the other languages, with the same vectors. Goodbyes are said at equal
// intervals over the whole time until a moment before the deadline, so that the clients do not all connect again at one
// instant; few connections do not keep a server for that long. Times are counted from the beginning of the drain.
package pace

import "time"

const (
	// The longest time between two goodbyes.
	intervalMax = 200 * time.Millisecond
	// How long before the deadline the last goodbye is said: a twentieth of the time, and no more than this.
	closingMax   = 250 * time.Millisecond
	closingShare = 20
	// Goodbyes that are later than this are not said together.
	catchUpMax = 100 * time.Millisecond
	// A response is silent when nothing was sent for a tenth of the time that flowing ones have, for no more than half of the
	// time that silent ones have, and for no more than this.
	silentMax          = 10 * time.Second
	silentShare        = 10
	silentShareOfDrain = 2
	// After which times the clients of event streams that are cut together come back.
	retryMin, retryMax = time.Second, 10 * time.Second
)

// Pace is that of one drain.
type Pace struct {
	end    time.Duration
	jitter float64
	said   time.Duration
	begun  bool
}

// New is for a drain that lasts so long, with a random number from 0 to 1.
func New(drain time.Duration, jitter float64) *Pace {
	p := &Pace{jitter: jitter}
	p.Extend(drain)
	return p
}

// Extend puts the deadline off.
func (p *Pace) Extend(deadline time.Duration) {
	p.end = max(p.end, deadline-Closing(deadline))
}

// Next is when the next goodbye is due, if so many connections wait for theirs: one at least.
func (p *Pace) Next(waiting int) time.Duration {
	share, longest := p.jitter/float64(waiting), time.Duration(float64(intervalMax)*p.jitter)
	if p.begun {
		share, longest = 1/(float64(waiting)+1-p.jitter), intervalMax
	}
	return p.said + min(time.Duration(float64(max(p.end-p.said, 0))*share), longest)
}

// IsDue is whether a goodbye is due now; if so, it counts as said.
func (p *Pace) IsDue(now time.Duration, waiting int) bool {
	due := p.Next(waiting)
	if due > now {
		return false
	}
	p.begun, p.said = true, max(due, now-catchUpMax)
	return true
}

// Closing is how long before the deadline the last goodbye is said.
func Closing(drain time.Duration) time.Duration { return min(drain/closingShare, closingMax) }

// SilentAfter is for how long nothing is sent on a connection before it counts as silent, by the time of the drain and that of
// responses that flow.
func SilentAfter(drain, stream time.Duration) time.Duration {
	return min(stream/silentShare, drain/silentShareOfDrain, silentMax)
}

// Retry is after what time the client of an event stream that is cut is to come back, by a random number from 0 to 1.
func Retry(jitter float64) time.Duration {
	return retryMin + time.Duration(float64(retryMax-retryMin)*jitter)
}
