"""Users for auth_file, and what they show to the server."""

import base64
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt


def line(user, password, cost=4):
    """A line of the file; the lowest cost, as the tests check many passwords."""
    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << cost)
    return f"{user}:{crypt.crypt(password, salt)}\n"


def basic(user, password, scheme="Basic"):
    """The header of a request."""
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"{scheme} {token}"}
