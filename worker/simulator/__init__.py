"""THE API'S SIDE, NOT OURS: a stand-in for the VMware CSP API, for tests, demos and trials without a network.

It shares no code with the client: it imports nothing from the rest of `worker`, and **nothing that talks to
the real API may import it**, since a stand-in that shares its client's mistakes proves nothing. It is reached
only over HTTP, as a process of its own:

    python -P -m worker.simulator --port 0 --rate 30 --fail 0.01

It follows what is known of the API. Where nothing is known (the texts of failures, the answer for an id that
is already active) it does something likely, on which the client must not rely.
"""
