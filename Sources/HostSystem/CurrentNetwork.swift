import Glibc

/// The network namespace that this process is in.
public enum CurrentNetwork {
  /// Whether this process sees the network of the machine itself.
  ///
  /// Comparing with process 1 needs rights over it that even root may lack in a container. The kernel shows
  /// `net.core.dev_weight` (net/core/sysctl_net_core.c, `net_core_table`) in the initial network namespace only.
  public static var isInitial: Bool { access("/proc/sys/net/core/dev_weight", F_OK) == 0 }
}
