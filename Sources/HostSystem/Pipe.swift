import CHostSystem

/// Both ends of a pipe (pipe2(2)). They are close-on-exec from the first instant, so that a program started meanwhile by
/// another thread holds no copy.
public struct Pipe: ~Copyable, Sendable {
  public let reading: Descriptor
  public let writing: Descriptor

  public init() throws(SystemError) {
    var ends: [Int32] = [0, 0]
    try systemCall("making a pipe") { lares_pipe(&ends) }
    reading = Descriptor(owning: ends[0])
    writing = Descriptor(owning: ends[1])
  }

  /// Closes the writing end.
  public consuming func keepingReading() -> Descriptor { reading }

  /// Closes the reading end.
  public consuming func keepingWriting() -> Descriptor { writing }
}
