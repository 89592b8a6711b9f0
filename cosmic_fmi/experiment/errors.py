"""The errors that a user can act on. Each message is one sentence that says what to change.

::

    ExperimentError          printed without a traceback; exit status 1
      TerraformError         terraform is missing, or init, apply, output or destroy failed
        TerraformStalledError  it waited in vain, and was ended
      TargetError            no deployment to run on, or it cannot be reached
        PreflightError       something about the account or the deployment that a run would fail for
      PayloadError           a payload file that cannot be used
      RequirementsError      packages that cannot be brought to the functions
      ResultsError           the output folder cannot be used
      DeliveryError          a place where prepared data cannot go
      ModelError             too few runs to predict from, or nothing meets what was asked for
      PriceError             the price table lacks something, or cannot be read or refreshed
      SweepError             a --sweep file or a grid that cannot be run
      BudgetError            the plan would cost more than --budget allows
"""


class ExperimentError(Exception):
    """Base of every error that ends an experiment with a sentence rather than a traceback."""


class TerraformError(ExperimentError):
    """Terraform is missing or one of its commands failed; the message carries the end of its output."""


class TerraformStalledError(TerraformError):
    """A command of Terraform's waited in vain, and was ended."""


class TargetError(ExperimentError):
    """There is no deployment to run on, or it does not answer."""


class PreflightError(TargetError):
    """Something that a run on AWS would fail for."""


class PayloadError(ExperimentError):
    """A ``--payload`` file that is not one of the input shapes."""


class RequirementsError(ExperimentError):
    """A ``--requirements`` file that cannot be read, or packages that cannot be had for the functions."""


class DeliveryError(ExperimentError):
    """A folder or bucket that prepared data cannot go to."""


class ResultsError(ExperimentError):
    """The output folder holds something that must not be overwritten, or that cannot be read."""


class ModelError(ExperimentError):
    """Too few runs to predict from, or no setting that meets what was asked for."""


class PriceError(ExperimentError):
    """The price table lacks a region or a price, or cannot be read or refreshed."""


class SweepError(ExperimentError):
    """A ``--sweep`` file or a grid that cannot be run; the message names line and key."""


class BudgetError(ExperimentError):
    """The plan would cost more than ``--budget`` allows, and nobody agreed to it."""
