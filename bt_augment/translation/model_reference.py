"""A model named so that another machine finds the very same one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bt_augment.cache import CACHE_VARIABLE
from bt_augment.errors import ModelError
from bt_augment.translation.model_folder import named_path
from bt_augment.translation.models import ModelCatalog, ResolvedModel


@dataclass(frozen=True)
class ModelReference:
    """Which model one machine resolved.

    Attributes:
        name: what the user called it.
        revision: commit hash on the hub, or fingerprint of a local folder.
        fingerprint: of its CTranslate2 folder.
        folder: absolute path of that folder on the machine that resolved it.
        checkpoint: absolute path, where ``name`` is a folder there; None for a name.
    """

    name: str
    revision: str
    fingerprint: str
    folder: str
    checkpoint: str | None

    @classmethod
    def of(cls, model: ResolvedModel) -> ModelReference:
        """Return the reference of a resolved model."""
        named = named_path(model.name)
        return cls(
            model.name,
            model.revision,
            model.fingerprint,
            str(model.folder.absolute()),
            str(named.absolute()) if named.is_dir() else None,
        )

    def find(
        self,
        catalog: ModelCatalog,
        source_tag: str,
        target_tag: str,
        *,
        quantization: str | None,
        device: str,
    ) -> ResolvedModel:
        """Return the model as it lies on this machine.

        The folder of the other machine is tried first (a shared disk has it), then the name:
        what is bundled with this package, in this machine's cache, or on the hub.

        Args:
            catalog: of this machine.
            source_tag: of the hop.
            target_tag: of the hop.
            quantization: type of stored weights; None chooses by device.
            device: ``cpu`` or ``cuda``.

        Raises:
            ModelError: there is none with the same fingerprint.
            BtAugmentError: as :meth:`ModelCatalog.resolve`.
        """
        seen = []
        for name in self._places():
            found = catalog.resolve(
                name, source_tag, target_tag, quantization=quantization, device=device
            )
            if found.fingerprint == self.fingerprint:
                return replace(found, name=self.name, revision=self.revision)
            seen.append(f"{found.folder} has the fingerprint {found.fingerprint}")
        held = "; ".join(seen) or f"there is no {self.folder}"
        raise ModelError(
            f"the model {self.name} with the fingerprint {self.fingerprint} is not on this "
            f"machine: {held}. Put {self.folder} on a disk that all machines share, or copy it to "
            f"the same path on each; the cache of converted models is where {CACHE_VARIABLE} says"
        )

    def _places(self) -> list[str]:
        """Return what to resolve on this machine, in order."""
        places = [place for place in (self.folder, self.checkpoint) if place]
        places = [place for place in dict.fromkeys(places) if Path(place).is_dir()]
        if self.checkpoint is not None:
            return places
        if self.name.startswith("bundled:"):
            return [*places, self.name]
        return [*places, f"{self.name.partition('@')[0]}@{self.revision}"]
