/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of vfio_ap's guest transaction and lock order. It has two guests, each of which
 * uses the mdev with the guest's number, and one queue, which is first assigned to mdev 0
 * and later to mdev 1. Comments name the driver functions that are modelled.
 *
 * spin checks these properties in every order of steps: No task waits indefinitely. No
 * task waits for a kvm->lock while it holds a lock that other guests need. A transaction
 * restarts only if another task has made progress. A guest never sees data that another
 * guest or the host has left in the queue. The queue is never reset while a guest uses it
 * or a commit plugs it. At the end, each guest has the queues that are derived for it.
 *
 * The model does not include an mdev that several guests use in turn, the removal of an
 * mdev, failed resets and their retries, or anything about AQIC except its locks.
 *
 * -DADMINS, -DBUS, -DHOST, -DRESETS, -DKVM: add processes other than the guests.
 * -DATTACHED: both guests run from the start. -DSTAYING: no guest ends.
 * -DHOLD: user space holds the kvm->lock of guest 0 indefinitely. All tasks that do not
 *  need guest 0 must finish.
 * -DBASE_ORDER and other flags in MUTANTS in check.sh: add one fault each.
 */
#define GUESTS	2
#define HOST_DATA 9

/* The locks. vfio_ap_private.h documents their order. */
bit kvm_lock[GUESTS], vcpu_mutex[GUESTS], perms, guests_lock, matrix_lock;
byte hook_readers[GUESTS];
bit hook[GUESTS];

#define lock(l)		atomic { !l -> l = 1 }
#define unlock(l)	l = 0

/* struct vfio_ap_mdev. attached: 1 + the guest's number, or 0 if there is no guest */
bit assigned[GUESTS], committed[GUESTS], commit_queued[GUESTS];
byte attached[GUESTS], attachments[GUESTS];

/* Hardware: the APCBs, whether a reset is in progress, and the owner of the data in the queue */
bit apcb[GUESTS], resetting;
byte data;

/* in_host: the host's configuration has the queue. reserved: it is reserved for the host */
bit in_host = 1, reserved;

/*
 * struct vfio_ap_queue. The model needs only the order of the sequence numbers: owes means
 * required_seq > done_seq. asked means that a guest has requested a reset that is not
 * complete. issued is 1 for a ZAPQ that counts for the newest required_seq, and 2 for a
 * ZAPQ that was issued before required_seq was last set. slot_guest is 1 + the number of the
 * guest that has the queue, or 0 if no guest has it. away is unbound_since_commit. news means
 * that a reset has ended, and no commit has been queued for it yet.
 */
mtype = { UNBOUND, BOUND, UNBINDING };
mtype binding = BOUND;
byte slot_guest, issued;
bit owes, asked, away, news;

/* Set while a guest is losing the queue but still has it in its APCB. */
bit leaving;

byte finished, finished_of_1;

inline want_reset() {
	owes = 1;
	if
	:: issued == 1 -> issued = 2
	:: else
	fi
}

#define outstanding	(owes || asked || issued != 0)
/* vfio_ap_queue_fitness() and vfio_ap_matrix_derive(), for a matrix of one queue */
#define fit(a)		(binding == BOUND && \
			 (a != 0 && slot_guest == a -> !away : (slot_guest == 0 && !outstanding)))
#define derived(m, a)	(assigned[m] && in_host && fit(a))

/* Release the locks in a single step, because an unlock never waits. */
inline guest_unlock(with_perms) {
	d_step {
		unlock(guests_lock);
		if
		:: with_perms -> unlock(perms)
		:: else
		fi;
		if
		:: a != 0 -> unlock(kvm_lock[a - 1])
		:: else
		fi
	}
}

/*
 * vfio_ap_tx_begin(). The caller declares byte a, byte seen and bit got. patience: 0 for a
 * killable wait; 1 for no wait or a bounded wait, after which got can be 0.
 */
inline guest_begin(m, with_perms, patience) {
	got = 0;
	do
	:: got -> break
	:: else ->
#ifdef BASE_ORDER
		lock(guests_lock);
		a = attached[m];
		if
		:: a != 0 -> lock(kvm_lock[a - 1])
		:: else
		fi;
		lock(matrix_lock);
		got = 1
#else
		atomic { !guests_lock -> a = attached[m]; seen = attachments[m] };
#ifdef PERMS_FIRST
		if
		:: with_perms -> lock(perms)
		:: else
		fi;
#endif
		if
		:: a == 0
		:: a != 0 ->
			if
			:: atomic { !kvm_lock[a - 1] -> kvm_lock[a - 1] = 1 }
			:: patience && kvm_lock[a - 1] -> break
			fi
		fi;
#ifndef PERMS_FIRST
		if
		:: with_perms -> lock(perms)
		:: else
		fi;
#endif
		lock(guests_lock);
		lock(matrix_lock);
		if
#ifdef NO_SECOND_LOOK
		:: true -> skip; got = 1
#else
#ifdef RETRY_FOR_NOTHING
		:: attached[m] == a && !commit_queued[m] -> got = 1
#else
		:: attached[m] == a -> got = 1
#endif
		:: else ->
			/* A restart implies that another task has made progress. */
			assert(seen != attachments[m]);
			unlock(matrix_lock);
			guest_unlock(with_perms)
#endif
		fi
#endif
	od
}

/* vfio_ap_tx_commit(), which drops matrix_lock. The caller declares bit old and bit new. */
inline guest_commit(m, is_assigned) {
	atomic {
		old = (a != 0 && committed[m]);
		new = (is_assigned && derived(m, a));
		committed[m] = new;
#ifdef EARLY_WANT
		if
		:: old && !new -> want_reset()
		:: else
		fi;
#endif
		if
		:: a != 0 && old && !new -> slot_guest = 0; away = 0; leaving = 1
		:: a != 0 && !old && new -> slot_guest = a
		:: else
		fi
	}
	unlock(matrix_lock);
	if
	:: a != 0 && old != new ->
		/* No reset is in progress when a guest gets the queue. */
		assert(!new || !resetting);
		atomic { apcb[a - 1] = new; leaving = 0 }
	:: else
	fi;
#ifndef EARLY_WANT
	if
	:: old && !new -> atomic { want_reset() }
	:: else
	fi
#endif
}

/* vfio_ap_assign_validate(), with perms and matrix_lock held */
#define refused(m)	(reserved || assigned[1 - m])

/* vfio_ap_assign_change() adds the queue. */
inline change_add(m) {
	waited = 0;
	do
	:: guest_begin(m, 1, 0);
		if
		:: assigned[m] -> unlock(matrix_lock); guest_unlock(1); break
#ifdef NO_RECHECK
		:: !assigned[m] && !waited && refused(m) -> unlock(matrix_lock); guest_unlock(1); break
		:: !assigned[m] && (waited || !refused(m)) && (waited || !outstanding) ->
#else
		:: !assigned[m] && refused(m) -> unlock(matrix_lock); guest_unlock(1); break
		:: !assigned[m] && !refused(m) && (waited || !outstanding) ->
#endif
			assigned[m] = 1;
			assert(!assigned[1 - m]);
			guest_commit(m, 1);
			guest_unlock(1);
			break
		:: else -> unlock(matrix_lock); guest_unlock(1);
			/* vfio_ap_reset_wait_added(), or its timeout */
			waited = 1
		fi
	od
}

/* vfio_ap_assign_change() removes the queue. */
inline change_remove(m) {
	guest_begin(m, 0, 0);
	assigned[m] = 0;
	guest_commit(m, 0);
	guest_unlock(0);
	/* vfio_ap_reset_wait_removed(), without a lock and with a timeout */
	if
	:: !owes
	:: true
	fi
}

#define locals	byte a, seen; bit got, old, new, waited

#ifdef ADMINS
/*
 * Administrator 0 unassigns the queue from mdev 0 and assigns it again. Administrator 1 assigns
 * it to mdev 1.
 */
proctype admin(byte m) {
	locals;
	if
	:: m == 0 -> change_remove(m)
	:: else
	fi;
	change_add(m);
	atomic { finished++; finished_of_1 = finished_of_1 + m }
}
#endif

/* vfio_ap_tx_begin_kvm_locked() for vfio_ap_guest_attach() and vfio_ap_guest_detach() */
inline enter(m, to) {
#ifdef BASE_ORDER
	lock(guests_lock);
	lock(kvm_lock[m]);
	lock(matrix_lock);
#else
	lock(kvm_lock[m]);
	/* vfio_ap_guest_set_hook() */
	atomic { hook_readers[m] == 0 -> hook[m] = (to != 0) };
	lock(guests_lock);
	lock(matrix_lock);
#endif
	atomic { attached[m] = to; attachments[m]++ };
	a = m + 1
}

/* Guest 0 starts and ends. Guest 1 only starts. */
proctype vmm(byte m) {
	locals;

#ifndef ATTACHED
	enter(m, m + 1);
	committed[m] = 0;
	guest_commit(m, 1);
	guest_unlock(0);
#endif
#ifndef STAYING
	if
	:: m == 0 ->
		enter(m, 0);
		guest_commit(m, 0);
		guest_unlock(0);
		/* vfio_ap_mdev_commit_later() */
		commit_queued[m] = 1
	:: else
	fi;
#endif
	atomic { finished++; finished_of_1 = finished_of_1 + m }
}

/* The guest uses its queue. */
proctype vcpu(byte m) {
	bit asked_irq;
end:	do
	:: atomic {
		apcb[m] && !resetting && data != m + 1 ->
		assert(data == 0);
		data = m + 1
	}
#ifdef KVM
	/* vfio_ap_irq_intercept() */
	:: atomic { !asked_irq && hook[m] && !vcpu_mutex[m] -> vcpu_mutex[m] = 1; asked_irq = 1 };
		hook_readers[m]++;
		hook_readers[m]--;
		unlock(vcpu_mutex[m])
#endif
	od
}

#ifdef KVM
/* A KVM ioctl that stops the vCPUs. */
proctype kvm_user(byte m) {
	lock(kvm_lock[m]);
	lock(vcpu_mutex[m]);
	unlock(vcpu_mutex[m]);
	unlock(kvm_lock[m]);
	atomic { finished++; finished_of_1 = finished_of_1 + m }
}
#endif

/* vfio_ap_tx_commit_work() */
proctype commit_worker(byte m) {
	locals;
end:	do
	:: atomic { commit_queued[m] && (attached[m] == 0 || !kvm_lock[m]) -> commit_queued[m] = 0 };
		guest_begin(m, 0, 1);
		if
		:: got -> guest_commit(m, 1); guest_unlock(0)
		:: else -> commit_queued[m] = 1
		fi
	od
}

#ifdef HOLD
proctype holder() {
	lock(kvm_lock[0])
}
#endif

/* vfio_ap_reset_step() and hardware */
proctype reset_worker() {
	byte m;
end:	do
	/* vfio_ap_reset_issue() */
	:: atomic {
		binding != UNBOUND && in_host && issued == 0 && !resetting &&
		((slot_guest != 0 && asked) || (slot_guest == 0 && owes)) ->
		/* A guest that is losing the queue may see the reset. */
		assert(slot_guest != 0 || leaving || (!apcb[0] && !apcb[1]));
		assert(data != HOST_DATA || binding == BOUND);
		resetting = 1;
		issued = 1
	}
	:: atomic { resetting -> resetting = 0; data = 0 }
	/* vfio_ap_reset_verify() */
	:: atomic {
		issued != 0 && !resetting ->
		asked = 0;
		if
#ifdef STALE_COUNTS
		:: true -> owes = 0
#else
		:: issued == 1 -> owes = 0
		:: else
#endif
		fi;
		issued = 0;
#ifndef NO_NEWS
		news = 1
#endif
	}
	/* vfio_ap_reset_notify_owner() */
	:: atomic { news && !matrix_lock -> matrix_lock = 1; news = 0 };
		commit_queued[0] = commit_queued[0] || assigned[0];
		commit_queued[1] = commit_queued[1] || assigned[1];
		unlock(matrix_lock)
	od
}

#ifdef RESETS
/* vfio_ap_guest_reset(): VFIO_DEVICE_RESET for guest 0 */
proctype device_reset() {
#ifndef RESET_DURING_A_COMMIT
	lock(guests_lock);
#endif
	lock(matrix_lock);
	if
	:: slot_guest == 1 -> asked = 1
	/* The queue is blocked, so no guest has it. */
	:: assigned[0] && slot_guest == 0 && binding == BOUND && !owes -> atomic { want_reset() }
	:: else
	fi;
	unlock(matrix_lock);
#ifndef RESET_DURING_A_COMMIT
	unlock(guests_lock);
#endif
	finished++
}
#endif

#ifdef BUS
/* vfio_ap_host_remove(), then use by a host driver, then vfio_ap_host_probe() */
proctype bus() {
	locals;
	byte m;

	lock(matrix_lock);
	atomic { binding = UNBINDING; away = away || (slot_guest != 0) };
	m = (assigned[0] -> 0 : (assigned[1] -> 1 : GUESTS));
	unlock(matrix_lock);
	if
	:: m < GUESTS ->
		guest_begin(m, 0, 1);
		if
		:: got -> guest_commit(m, assigned[m]); guest_unlock(0)
		:: else -> commit_queued[m] = 1
		fi
	:: else
	fi;
	/* vfio_ap_reset_wait_removed(), which waits at most 2 s */
	lock(matrix_lock);
	binding = UNBOUND;
	unlock(matrix_lock);

	/* apmask_store(), vfio_ap_host_in_use() */
	lock(perms);
#ifndef IN_USE_TOO_EARLY
	lock(guests_lock);
#endif
	lock(matrix_lock);
	reserved = !assigned[0] && !assigned[1];
	unlock(matrix_lock);
#ifndef IN_USE_TOO_EARLY
	unlock(guests_lock);
#endif
	unlock(perms);
	if
	:: reserved -> atomic { data = HOST_DATA; assert(!apcb[0] && !apcb[1]) }
	:: else
	fi;
	lock(perms);
	reserved = 0;
	unlock(perms);

	lock(matrix_lock);
#ifdef PROBED_IS_CLEAN
	binding = BOUND;
#else
	atomic { binding = BOUND; want_reset() };
#endif
	commit_queued[0] = commit_queued[0] || assigned[0];
	commit_queued[1] = commit_queued[1] || assigned[1];
	unlock(matrix_lock);
	finished++
}
#endif

#ifdef HOST
/* vfio_ap_host_config_changed(): the queue leaves the host's configuration and returns. */
proctype host() {
	byte turn;
	do
	:: turn < 2 ->
		lock(guests_lock);
		lock(matrix_lock);
		in_host = !in_host;
		commit_queued[0] = 1;
		commit_queued[1] = 1;
		unlock(matrix_lock);
		unlock(guests_lock);
		turn++
	:: else -> break
	od;
	finished++
}
#endif

#ifdef ADMINS
#define OF_ADMINS	GUESTS
#else
#define OF_ADMINS	0
#endif
#ifdef KVM
#define OF_KVM		GUESTS
#else
#define OF_KVM		0
#endif
#ifdef RESETS
#define OF_RESETS	1
#else
#define OF_RESETS	0
#endif
#ifdef BUS
#define OF_BUS		1
#else
#define OF_BUS		0
#endif
#ifdef HOST
#define OF_HOST		1
#else
#define OF_HOST		0
#endif

/* This process continues when no other process can execute a step. */
proctype at_rest() {
	timeout;
#ifdef HOLD
	/* The AP bus, the host and guest 1 have finished. */
	assert(finished_of_1 * GUESTS >= GUESTS + OF_ADMINS + OF_KVM);
	assert(finished >= (GUESTS + OF_ADMINS + OF_KVM) / GUESTS + OF_RESETS + OF_BUS + OF_HOST)
#else
	assert(finished == GUESTS + OF_ADMINS + OF_KVM + OF_RESETS + OF_BUS + OF_HOST);
	assert(committed[0] == derived(0, attached[0]));
	assert(committed[1] == derived(1, attached[1]));
	assert(apcb[0] == (attached[0] != 0 && committed[0]));
	assert(apcb[1] == (attached[1] != 0 && committed[1]));
	assert(!outstanding || binding != BOUND)
#endif
}

#define run_both(p)	run p(0); run p(1)

init {
	atomic {
		assigned[0] = 1;
		committed[0] = 1;
#ifdef ATTACHED
		attached[0] = 1;
		attached[1] = 2;
		attachments[0] = 1;
		attachments[1] = 1;
		hook[0] = 1;
		hook[1] = 1;
		slot_guest = 1;
		apcb[0] = 1;
#endif
		run_both(vmm);
		run_both(vcpu);
		run_both(commit_worker);
		run reset_worker();
#ifdef ADMINS
		run_both(admin);
#endif
#ifdef KVM
		run_both(kvm_user);
#endif
#ifdef RESETS
		run device_reset();
#endif
#ifdef BUS
		run bus();
#endif
#ifdef HOST
		run host();
#endif
#ifdef HOLD
		run holder();
#endif
		run at_rest()
	}
}
