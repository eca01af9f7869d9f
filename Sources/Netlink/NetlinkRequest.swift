import CNetlinkShims

/// One request to the kernel, encoded, with the words for what it attempts.
///
/// The factories that make requests are pure; a ``NetlinkSocket`` or one of the sessions over it carries them out.
public struct NetlinkRequest: Sendable, Equatable {
  /// The message without sequence number and port.
  public var message: MessageWriter
  /// e.g. `adding address 192.168.77.1/24 to lan0`.
  public var attempt: String

  /// - Parameters:
  ///   - type: nlmsg_type.
  ///   - flags: nlmsg_flags beside NLM_F_REQUEST and NLM_F_ACK, which every request has.
  ///   - attempt: What it does, beginning with a gerund.
  ///   - body: Writes the fixed part and the attributes.
  public init(type: Int, flags: Int32 = 0, attempt: String, body: (inout MessageWriter) -> Void) {
    let isDump = flags & NLM_F_DUMP == NLM_F_DUMP
    message = MessageWriter(
      type: UInt16(truncatingIfNeeded: type),
      flags: UInt16(truncatingIfNeeded: NLM_F_REQUEST | flags | (isDump ? 0 : NLM_F_ACK)))
    body(&message)
    self.attempt = attempt
  }
}
