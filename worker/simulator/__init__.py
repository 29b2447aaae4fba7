"""THE API'S SIDE, NOT OURS: a stand-in for the VMware CSP API, for tests, demos and trials without a network.

It plays the service that the worker calls. It shares no code with the client: it imports nothing from the
rest of `worker`, and **nothing that talks to the real API may import it**, since a stand-in that shares its
client's mistakes proves nothing. It is met over HTTP alone, as a process of its own:

    python -P -m worker.simulator --port 0 --rate 30 --fail 0.01

It keeps to what is known of the API. Where nothing is known (the texts of failures, how an id that is
active already is answered) it picks something likely, and the client must not lean on it.
"""
