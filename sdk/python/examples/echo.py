import os

from usher_connector import Connector, Turn

connector = Connector(os.environ["USHER_URL"], os.environ["USHER_CONNECTOR_TOKEN"])


@connector.on_turn
async def echo(turn: Turn) -> str:
    return f"You said: {turn.text}" if turn.text else "Hello!"


connector.run()
