"""How much may be sent, and when: send times of the shared budget, requests in flight, holds."""
