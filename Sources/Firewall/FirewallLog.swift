/// How dropped packets are reported.
public enum FirewallLog {
  /// The NFLOG group that our rules report to.
  public static let group: UInt16 = 77
  /// Stands before a rule's name in each report.
  static let prefix = "lares:"
  /// Bytes of each packet that are reported, from its IP header on.
  static let copyBytes: UInt32 = 128
}
