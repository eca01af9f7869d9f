/// Deltas of packs: one object's bytes as copies out of another's, and what is new (gitformat-pack, "Deltified
/// representation"). `Delta.Index` makes them.
public enum Delta {
  /// The sizes that a delta begins with.
  public struct Header: Equatable, Sendable {
    public var baseSize: Int
    public var targetSize: Int
    /// Where the instructions begin.
    public var length: Int

    /// No header is longer.
    public static let longest = 20

    /// Reads what a delta begins with. The rest need not be there.
    public init(parsing delta: UnsafeRawBufferPointer) throws(FormatError) {
      var position = 0
      func number() throws(FormatError) -> Int {
        var value = 0
        var shift = 0
        while position < delta.count {
          let byte = delta[position]
          position += 1
          guard shift < 56 else { throw FormatError("delta", "a size in it does not fit") }
          value |= Int(byte & 0x7F) << shift
          if byte & 0x80 == 0 { return value }
          shift += 7
        }
        throw FormatError("delta", "it ends within its header")
      }
      baseSize = try number()
      targetSize = try number()
      length = position
    }
  }

  /// The bytes that a delta makes of its base.
  ///
  /// - Parameter limit: the most bytes that the result may have.
  /// - Throws: where the delta is of a base of another size, copies from outside of it, or makes more or fewer bytes than
  ///   it says.
  public static func apply(
    _ delta: UnsafeRawBufferPointer, to base: UnsafeRawBufferPointer, limit: Int
  ) throws(FormatError) -> [UInt8] {
    let header = try Header(parsing: delta)
    guard header.baseSize == base.count else {
      throw FormatError("delta", "it is of a base of \(header.baseSize) bytes, and this one has \(base.count)")
    }
    guard header.targetSize <= limit else {
      throw FormatError("delta", "its object of \(header.targetSize) bytes is above the limit of \(limit)")
    }
    let instructions = UnsafeRawBufferPointer(rebasing: delta[header.length...])
    var fault: FormatError?
    let target = [UInt8](unsafeUninitializedCapacity: header.targetSize) { output, count in
      do throws(FormatError) {
        let room = UnsafeMutableRawBufferPointer(start: output.baseAddress, count: header.targetSize)
        try run(instructions, base, into: room)
        count = header.targetSize
      } catch {
        fault = error
      }
    }
    if let fault { throw fault }
    return target
  }

  /// Follows the instructions, which have to fill the target.
  private static func run(
    _ delta: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws(FormatError) {
    var written = 0
    var position = 0
    while position < delta.count {
      let instruction = delta[position]
      position += 1
      let source: UnsafeRawBufferPointer
      if instruction & 0x80 != 0 {
        let range = try copyRange(instruction, delta, &position)
        guard range.upperBound <= base.count else { throw FormatError("delta", "it copies from beyond its base") }
        source = UnsafeRawBufferPointer(rebasing: base[range])
      } else {
        let size = Int(instruction)
        guard size > 0 else { throw FormatError("delta", "it has the reserved instruction 0") }
        guard size <= delta.count - position else { throw FormatError("delta", "it ends within an instruction") }
        source = UnsafeRawBufferPointer(rebasing: delta[position..<(position + size)])
        position += size
      }
      guard source.count <= target.count - written else {
        throw FormatError("delta", "it makes more than the \(target.count) bytes that it says")
      }
      UnsafeMutableRawBufferPointer(rebasing: target[written...]).copyMemory(from: source)
      written += source.count
    }
    guard written == target.count else {
      throw FormatError("delta", "it makes \(written) bytes and says \(target.count)")
    }
  }

  /// What a copy instruction takes from the base. Each bit of the instruction says that a byte of offset or size follows.
  private static func copyRange(
    _ instruction: UInt8, _ delta: UnsafeRawBufferPointer, _ position: inout Int
  ) throws(FormatError) -> Range<Int> {
    guard (instruction & 0x7F).nonzeroBitCount <= delta.count - position else {
      throw FormatError("delta", "it ends within an instruction")
    }
    var number = 0
    for bit in 0..<7 where instruction & 1 << bit != 0 {
      number |= Int(delta[position]) << (bit * 8)
      position += 1
    }
    let offset = number & 0xFFFF_FFFF
    let size = number >> 32
    return offset..<(offset + (size == 0 ? 0x10000 : size))
  }
}
