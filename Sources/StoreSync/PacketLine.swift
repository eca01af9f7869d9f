/// Framing of Git's protocol: a length of four hexadecimal digits, then the data (gitprotocol-common, "pkt-line Format").
enum PacketLine {
  /// Data that fits one line, at most.
  static let maximumData = 65_516
}
