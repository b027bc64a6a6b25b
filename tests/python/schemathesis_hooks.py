"""What schemathesis has to be told of this API: a text in TOML is sent as a text."""

import schemathesis

schemathesis.serializer.alias("application/toml", "text/plain")
