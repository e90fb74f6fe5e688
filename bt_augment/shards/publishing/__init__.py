"""A finished run as a data set of the Hugging Face Hub."""

from bt_augment.shards.publishing.contents import RECORD, Contents, Terms
from bt_augment.shards.publishing.publish import dry_run, publish
from bt_augment.shards.publishing.upload import Uploaded

__all__ = ["RECORD", "Contents", "Terms", "Uploaded", "dry_run", "publish"]
