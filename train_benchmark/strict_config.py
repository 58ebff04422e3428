"""The base of all configurations of this package."""

from pydantic import BaseModel, ConfigDict


class StrictConfig(BaseModel):
    """Refuses unknown keys, infinity and NaN; is never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
