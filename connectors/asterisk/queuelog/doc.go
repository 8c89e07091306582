// Package queuelog reads app_queue's own log, queue_log, and puts together the
// visits that it tells of. It is a second witness of what is counted: whole
// seconds, no ids of agents but their names, and a few peculiarities, which
// Record names where they explain a difference.
package queuelog
