"""rkops: inventory, doctor and deploy for RKNN models on Rockchip RK3588 boards."""

__version__ = "0.1.0"
