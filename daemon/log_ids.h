/* MESSAGE_ID of the journal's entries, so that they can be found whatever their text: journalctl MESSAGE_ID=…
 * docs/service.md lists them; they never change. */
#pragma once

#define LOG_ID_LEASE_OPENED  "094ed2c7ed5d4b7d99529f3a1981094d"
#define LOG_ID_LEASE_CLAIMED "9eafe10ff8804239a35c2c961077643b"
#define LOG_ID_LEASE_ENDED   "11e319c0b44f47b68172a79d9cbb6a77"
#define LOG_ID_PUS_WANTED    "47032f1f03244721ac671dbaf0021cbe"
#define LOG_ID_PUS_LOST      "23b30aab144c4245805a24d780b1e849"
#define LOG_ID_RECOVERED     "d99234c3edc7432a8cb1687456fdce0d"
#define LOG_ID_MACHINE       "7ef5d0c14ee04ea49626dc2ab163bf7d"
#define LOG_ID_BUDGET        "12eb38dfee8847579e6c759c1c26c493"
#define LOG_ID_HEALTH        "1a9bc30c343a4252b140a84f2e148fae"
