package main

import (
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// tellSystemd passes a state to the service manager that started the daemon
// (sd_notify(3)); without one it does nothing. That a word did not arrive is no
// reason to stop watching: it is logged, once a word.
func (d *daemon) tellSystemd(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.log.Debug("the service manager was not told", "state", state, "err", err)
	}
}

// keepDog tells the watchdog with every tick of the daemon's loop that the loop
// turns. One that hangs is stopped and started anew by the service manager:
// everything that counts is in the store. The interval of the unit must be well
// over tickEvery.
func (d *daemon) keepDog() {
	if d.watchdog > 0 {
		d.tellSystemd(sd.SdNotifyWatchdog)
	}
}

// watchdogOf is how long the service manager waits for a tick; 0 is no watchdog.
func (d *daemon) watchdogOf() time.Duration {
	every, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		d.log.Warn("the service manager's watchdog is not understood", "err", err)
		return 0
	}
	if every > 0 && every < 2*tickEvery {
		d.log.Warn("the service manager's watchdog is too impatient", "WatchdogSec", every, "needs", 2*tickEvery)
	}
	return every
}
