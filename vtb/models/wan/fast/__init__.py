"""The Wan transformer written for training speed, equal in mathematics to diffsynth's."""

from vtb.models.wan.fast.forward import WanForward as WanForward
