/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ownership protocol (docs/ownership.md), small enough to be explored
 * whole: a switch, one owner, two hosts that may play it, and clients that are
 * told of a few requests. tests/test_model.py has spin check it.
 *
 * What is on its way is the newest of its kind, which may arrive at any time or,
 * as another may be said before, never: that is what authentication and
 * freshness leave to the network. Hosts may pause anywhere, which is to say, do
 * nothing for a while, and their memory may be lost at any moment. Everything
 * that a node does at once is one step. What would change nothing is not sent,
 * which keeps the model small and loses no behaviour.
 *
 * Each mechanism can be taken out, by -DNO_...:
 *   NO_FENCE     the switch passes what comes from any host
 *   NO_EPOCH     a standby takes what an owner of any epoch sends
 *   NO_COMPLETE  the owner returns to a home that may lack something
 *   NO_FRESH     what a host said once may come again later
 *   NO_DURABLE   a controller that starts again may not know its last move
 *   NO_RELEASE   an owner goes on without a standby before the switch knows
 *   NO_MEMORY    a host plays with another memory than was meant
 * With -DREACH_FAILBACK it is a violation that an owner which clients have been
 * told something by returns home: to see that the model gets there at all.
 */
#ifndef EPOCHS
#define EPOCHS 3	/* the last one */
#endif
#ifndef REQUESTS
#define REQUESTS 2
#endif
#ifndef CRASHES
#define CRASHES 1	/* in which a host loses its memory */
#endif
#ifndef CLAIMS
#define CLAIMS 2	/* of an owner in an epoch */
#endif

#define OTHER(h) (1 - (h))
#define HOME 0

#define includes(all, some) (((some) & ~(all)) == 0)

/* --- the switch ------------------------------------------------------------ */

byte was;
byte host;		/* plays the owner */
byte epoch = 1;
byte life = 1;		/* of its memory */
byte claim;		/* of the host, that has been taken into account */
bit waits;		/* as claimed */
bit complete;		/* the other host counts as that */
byte member;		/* life of the other host's memory that is complete */

typedef said_t {	/* what a host said last */
	byte epoch;
	byte life;
	bit plays;
	bit complete;
	bit waits;
	byte claim;
};
said_t said[2];

/* --- hosts ------------------------------------------------------------------- */

typedef host_t {
	byte life;	/* of its memory */
	byte has;	/* requests, a bit each */
	byte synced;	/* epoch of its last whole snapshot */
	byte known;	/* epoch that the link knows of */
	/* the switch's word */
	byte epoch;
	byte host;
	byte meant;	/* life that is to play */
	/* as owner */
	bit waits, leaving;
	byte claim, retracted;
	byte confirmed;	/* what the other has stored */
	byte by;	/* in which life */
};
host_t h[2];

/* --- on their way -------------------------------------------------------------- */

typedef word_t {
	byte epoch;
	byte host;
	byte life;
	bit complete;
	byte claim;
};
word_t word[2];		/* switch to host */
said_t says[2];		/* host to switch */
#ifdef NO_FRESH
said_t old[2];		/* somebody has kept it */
#endif

typedef frame_t {	/* to a host, from the other */
	byte epoch;
	byte has;
};
frame_t frame[2];

/* --- the truth ------------------------------------------------------------------- */

byte told;		/* to clients */
byte begun = 1;		/* epoch in which connections began anew, as their state
			 * was lost: nothing of before counts */
byte requests;		/* that have come */
byte crashes;
byte speaker[EPOCHS + 1];	/* host and life that played in an epoch */

#define WHO(i) (1 + (i) + 2 * h[i].life)

/* --- what is meant by it ------------------------------------------------------------ */

#ifdef NO_MEMORY
#define IS_MEANT(i) (true)
#else
#define IS_MEANT(i) (h[i].meant == h[i].life)
#endif

#ifdef NO_EPOCH
#define IS_DEPOSED(i) (false)
#else
#define IS_DEPOSED(i) (h[i].known > h[i].epoch)
#endif

#define PLAYS(i) (h[i].epoch != 0 && h[i].host == (i) && IS_MEANT(i) && \
		  !IS_DEPOSED(i))

/* Does a memory that counts lack what clients were told? */
#define LACKS(i, of_life) (h[i].life == (of_life) && !includes(h[i].has, told))

inline check_complete() {
	assert(!complete || !LACKS(OTHER(host), member))
}

inline check_speaker(i) {
	assert(speaker[h[i].epoch] == 0 || speaker[h[i].epoch] == WHO(i));
	speaker[h[i].epoch] = WHO(i)
}

/* --- the switch's steps ---------------------------------------------------------------- */

#define IS_USEFUL(i) (epoch > h[i].epoch || (h[i].leaving && epoch == h[i].epoch))

inline post(i) {
	word[i].epoch = epoch;
	word[i].host = host;
	word[i].life = life;
	word[i].complete = complete;
	word[i].claim = claim
}

inline clear(s) {
	s.epoch = 0; s.life = 0; s.plays = 0; s.complete = 0; s.waits = 0;
	s.claim = 0
}

/* A host said this (own_grant_said). */
inline take(i, s) {
	said[i].epoch = s.epoch;
	said[i].life = s.life;
	said[i].plays = s.plays;
	said[i].complete = s.complete;
	said[i].waits = s.waits;
	said[i].claim = s.claim;
	if
	:: i != host && member != said[i].life -> complete = 0; member = 0
	:: else
	fi;
	if
	:: i == host && said[i].plays && said[i].epoch == epoch &&
	   said[i].life == life ->
		claim = said[i].claim;
		waits = said[i].waits;
		complete = complete && waits;
		member = (complete -> member : 0)
	:: else
	fi;
	if
	:: waits && !complete && said[OTHER(host)].complete &&
	   said[OTHER(host)].epoch == epoch ->
		complete = 1;
		member = said[OTHER(host)].life
	:: else
	fi;
	check_complete()
}

/* Its memory is gone, though the host is there. */
#define IS_LOST (said[host].life != 0 && said[host].life != life)

#ifdef NO_DURABLE
byte kept_host, kept_life, kept_epoch;	/* before the last move */

inline keep() {
	kept_host = host;
	kept_life = life;
	kept_epoch = epoch
}
#else
#define keep() skip
#endif

/* Another epoch, at the other host (own_grant_move); down: who played it until
 * now is dead, as far as is known. */
inline move(down) {
	keep();
	if
	:: complete ->
		assert(!LACKS(OTHER(host), member));
		complete = !IS_LOST && !(down);
		was = life;
		life = member;
		member = was;
		was = 0;
		host = OTHER(host)
	:: else ->
		told = 0;	/* connections end */
		begun = epoch + 1;
		host = OTHER(host);
		life = said[host].life;
		member = 0
	fi;
	member = (complete -> member : 0);
	epoch++;
	claim = 0;
	waits = 0
}

/* The same host, which has nothing any more. */
inline renew() {
	told = 0;
	begun = epoch + 1;
	life = said[host].life;
	complete = 0;
	member = 0;
	epoch++;
	claim = 0;
	waits = 0
}

active proctype controller()
{
end:	do
	:: d_step { IS_USEFUL(0) -> post(0) }
	:: d_step { IS_USEFUL(1) -> post(1) }
	:: d_step { says[0].life != 0 -> take(0, says[0]); clear(says[0]) }
	:: d_step { says[1].life != 0 -> take(1, says[1]); clear(says[1]) }
#ifdef NO_FRESH
	:: d_step { old[0].life != 0 -> take(0, old[0]) }
	:: d_step { old[1].life != 0 -> take(1, old[1]) }
#endif
	/* the host is dead, or seems so; or an operator wants it */
	:: d_step { epoch < EPOCHS && said[OTHER(host)].life != 0 -> move(1) }
	:: d_step { epoch < EPOCHS && said[OTHER(host)].life != 0 -> move(0) }
	:: d_step {
		epoch < EPOCHS && IS_LOST ->
		if
		:: complete -> move(0)
		:: else -> renew()
		fi
	   }
	/* failback */
	:: d_step {
		epoch < EPOCHS && host != HOME &&
#ifdef NO_COMPLETE
		said[HOME].life != 0
#else
		complete
#endif
		->
		assert(complete && !LACKS(HOME, member));
#ifdef REACH_FAILBACK
		assert(told == 0);
#endif
		move(0)
	   }
#ifdef NO_DURABLE
	:: d_step {
		kept_epoch != 0 ->
		host = kept_host;
		life = kept_life;
		epoch = kept_epoch;
		kept_host = 0; kept_life = 0; kept_epoch = 0;
		complete = 0; member = 0; waits = 0; claim = 0
	   }
#endif
	od
}

/* --- the hosts' steps --------------------------------------------------------------------- */

#define SAYS_PLAYS(i) (h[i].epoch != 0 && h[i].host == i && IS_MEANT(i))
#define SAYS_COMPLETE(i) (h[i].epoch != 0 && h[i].host != i && \
			  h[i].synced == h[i].epoch)
#define SAYS_WAITS(i) (SAYS_PLAYS(i) && h[i].waits)
#define SAYS_CLAIM(i) (SAYS_PLAYS(i) -> h[i].claim : 0)

#define HAS_NEWS(i, s) (s.epoch != h[i].epoch || s.life != h[i].life || \
			s.plays != SAYS_PLAYS(i) || \
			s.complete != SAYS_COMPLETE(i) || \
			s.waits != SAYS_WAITS(i) || s.claim != SAYS_CLAIM(i))

inline say(i, s) {
	s.epoch = h[i].epoch;
	s.life = h[i].life;
	s.plays = SAYS_PLAYS(i);
	s.complete = SAYS_COMPLETE(i);
	s.waits = SAYS_WAITS(i);
	s.claim = SAYS_CLAIM(i)
}

/* The switch's word (own_claim_hear). */
inline hear(i) {
	if
	:: word[i].epoch > h[i].epoch ->
		h[i].epoch = word[i].epoch;
		h[i].host = word[i].host;
		h[i].meant = word[i].life;
		h[i].waits = h[i].host == i && IS_MEANT(i) && word[i].complete;
		h[i].leaving = 0;
		h[i].claim = 1;
		h[i].retracted = 0;
		h[i].confirmed = 0;
		h[i].by = 0;
		if
		:: h[i].known < h[i].epoch -> h[i].known = h[i].epoch
		:: else
		fi;
		if
		:: PLAYS(i) -> check_speaker(i)
		:: else
		fi
	:: else ->
		h[i].leaving = h[i].leaving && (word[i].complete ||
				word[i].claim < h[i].retracted)
	fi
}

inline lose_memory(i) {
	h[i].life++;
	h[i].has = 0;
	h[i].synced = 0;
	h[i].known = 0;
	h[i].epoch = 0;
	h[i].host = 0;
	h[i].meant = 0;
	h[i].waits = 0;
	h[i].leaving = 0;
	h[i].claim = 0;
	h[i].retracted = 0;
	h[i].confirmed = 0;
	h[i].by = 0;
	/* its connection is gone, and what was on it */
	frame[i].epoch = 0; frame[i].has = 0;
	frame[OTHER(i)].epoch = 0; frame[OTHER(i)].has = 0
}

inline reply(i) {
#ifdef NO_FENCE
	assert(host == i);
#endif
	if
	:: host == i && h[i].epoch >= begun ->
		assert(includes(h[i].has, told));
		told = h[i].has;
		check_complete()
	:: else	/* fenced */
	fi
}

#ifdef NO_EPOCH
#define MAY_TAKE(i) (!PLAYS(i))
#else
#define MAY_TAKE(i) (frame[i].epoch >= h[i].known && \
		     !(PLAYS(i) && frame[i].epoch == h[i].epoch))
#endif

proctype node(byte i)
{
end:	do
	:: d_step {
		word[i].epoch != 0 ->
		if
		:: word[i].epoch >= h[i].epoch -> hear(i)
		:: else
		fi;
		word[i].epoch = 0; word[i].host = 0; word[i].life = 0;
		word[i].complete = 0; word[i].claim = 0
	   }
	:: d_step { HAS_NEWS(i, said[i]) && HAS_NEWS(i, says[i]) ->
		say(i, says[i]) }
#ifdef NO_FRESH
	:: d_step { old[i].life == 0 -> say(i, old[i]) }
#endif
	:: d_step {
		PLAYS(i) && requests < REQUESTS ->
		h[i].has = h[i].has | (1 << requests);
		requests++
	   }
	/* everything to the other, that is, a snapshot */
	:: d_step {
		PLAYS(i) && (h[i].by != h[OTHER(i)].life ||
			     h[i].confirmed != h[i].has ||
			     h[OTHER(i)].synced != h[i].epoch) ->
		frame[OTHER(i)].epoch = h[i].epoch;
		frame[OTHER(i)].has = h[i].has
	   }
	:: d_step {
		frame[i].epoch != 0 ->
		if
		:: MAY_TAKE(i) ->
			h[i].has = frame[i].has;
			h[i].synced = frame[i].epoch;
			h[i].known = (h[i].known > frame[i].epoch ->
				      h[i].known : frame[i].epoch);
			/* the confirmation, which the other may heed late */
			if
			:: PLAYS(OTHER(i)) &&
			   h[OTHER(i)].epoch == frame[i].epoch ->
				h[OTHER(i)].confirmed = h[i].has;
				h[OTHER(i)].by = h[i].life
			:: else
			fi
		:: else
		fi;
		frame[i].epoch = 0;
		frame[i].has = 0
	   }
	/* clients are told */
	:: d_step {
		PLAYS(i) && h[i].has != 0 &&
		(!(h[i].waits || h[i].leaving) ||
		 (h[i].by != 0 && includes(h[i].confirmed, h[i].has))) ->
		reply(i)
	   }
	/* the other has everything: wait for it from now on */
	:: d_step {
		PLAYS(i) && !h[i].waits && h[i].by != 0 &&
		h[i].confirmed == h[i].has && h[i].claim < CLAIMS ->
		h[i].waits = 1;
		h[i].leaving = 0;
		h[i].claim++
	   }
	/* it does not confirm: ask to go on without it */
	:: d_step {
		PLAYS(i) && h[i].waits && h[i].claim < CLAIMS ->
		h[i].waits = 0;
#ifndef NO_RELEASE
		h[i].leaving = 1;
#endif
		h[i].claim++;
		h[i].retracted = h[i].claim
	   }
	:: d_step { crashes < CRASHES -> crashes++; lose_memory(i) }
	od
}

init {
	atomic {
		d_step {
			h[0].life = 1; said[0].life = 1;
			h[1].life = 1; said[1].life = 1;
			h[0].epoch = 1; h[0].meant = 1; h[0].claim = 1;
			h[1].epoch = 1; h[1].meant = 1;
			h[0].known = 1; h[1].known = 1;
			h[0].synced = 1;
			speaker[1] = WHO(0)
		}
		run node(0);
		run node(1)
	}
}
