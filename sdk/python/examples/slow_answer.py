import asyncio
import os

from usher_connector import Connector, Turn

connector = Connector(os.environ["USHER_URL"], os.environ["USHER_CONNECTOR_TOKEN"])


@connector.on_turn
async def slow_answer(turn: Turn) -> str:
    await turn.say("One moment, I look that up.")
    await turn.typing()
    await asyncio.sleep(2)  # the slow part
    return "It arrives tomorrow."


connector.run()
