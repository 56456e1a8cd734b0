"""Listens to Git and registries, and deploys what changes there, within rules.

A webhook is a doorbell: it says that something may have changed, and never what. What there is, the listener reads
itself, so that a forged, repeated or late webhook can do no more than a look too many, and polling finds what was lost.

| file | is |
|---|---|
| `rules` | the file `listen.yaml`: which sources, and what each may deploy where |
| `judging`, `containing` | whether a release keeps to its rules; pure |
| `lines` | what is known of one source: its changes, and who is at work; pure |
| `ledger` | lines in the hub's Store, by compare-and-set |
| `senders`, `payloads`, `deliveries` | whether a webhook is genuine, what it is about, whether it was seen before |
| `doors` | the HTTP server in front of them |
| `looking`, `tags` | what a source holds now |
| `deploying`, `turning` | from what it holds to an applied plan |
| `listening` | all of it together |
"""
