"""Real-world scenarios: what the market does on a day that matters."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from seatrial.errors import TargetFailure
from seatrial.exchange.simulator import Requoter
from seatrial.scenarios.context import ProductionContext, ScenarioContext
from seatrial.scenarios.stress import asking_for_advice, open_accounts
from seatrial.target.protocol import TradingSystem
from seatrial.target.records import Chain, MarketState, Quote
from seatrial.verdict.measurement import Rate, Scalar, Unit
