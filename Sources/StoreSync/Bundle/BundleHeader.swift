public import GitFormat
import VersionedStore

/// What a bundle begins with (gitformat-bundle).
public struct BundleHeader: Equatable, Sendable {
  /// 2, or 3, which alone can say that it is of SHA-256.
  public var version: Int
  public var format: ObjectFormat
  /// Commits that have to be there already, each with a comment.
  public var prerequisites: [Prerequisite] = []
  public var references: [Reference] = []

  public struct Prerequisite: Equatable, Sendable {
    public var id: ObjectID
    public var comment: String
  }

  public struct Reference: Equatable, Sendable {
    public var name: RefName
    public var id: ObjectID
  }

  init(version: Int, format: ObjectFormat) {
    self.version = version
    self.format = format
  }

  private static let lineLimit = 65_536
  private static let maximumLines = 1_000_000

  /// Reads a header. The pack follows in the input.
  ///
  /// - Throws: also where the bundle asks for what is not known here.
  init(_ input: BufferedInput) throws(StoreError) {
    switch try Self.line(input) {
    case Array("# v2 git bundle".utf8)[...]: version = 2
    case Array("# v3 git bundle".utf8)[...]: version = 3
    default: throw Self.malformed("it does not begin as one of version 2 or 3")
    }
    format = .sha1
    var count = 0
    while case let line = try Self.line(input), let first = line.first {
      count += 1
      guard count <= Self.maximumLines else { throw .tooLarge("the header of the bundle") }
      switch first {
      case UInt8(ascii: "@") where version == 3 && prerequisites.isEmpty && references.isEmpty:
        try take(capability: line.dropFirst())
      case UInt8(ascii: "-"): try take(prerequisite: line.dropFirst())
      default: try take(reference: line)
      }
    }
  }

  private static func malformed(_ why: String) -> StoreError { .malformed(FormatError("bundle", why)) }

  private static func line(_ input: BufferedInput) throws(StoreError) -> ArraySlice<UInt8> {
    guard let line = try input.line(limit: lineLimit) else { throw malformed("its header has no end") }
    return line[...]
  }

  private mutating func take(capability: ArraySlice<UInt8>) throws(StoreError) {
    let text = String(decoding: Array(capability), as: UTF8.self)
    guard text.hasPrefix("object-format="), let format = ObjectFormat(rawValue: String(text.dropFirst(14))) else {
      throw .invalid("the bundle needs \(Text.readable(capability)), which is not known here")
    }
    self.format = format
  }

  private mutating func take(prerequisite line: ArraySlice<UInt8>) throws(StoreError) {
    guard let id = ObjectID(format, hex: line.prefix(format.digits)) else {
      throw Self.malformed("\(Text.readable(line)) is no identifier")
    }
    prerequisites.append(Prerequisite(id: id, comment: Text.readable(line.dropFirst(format.digits + 1))))
  }

  private mutating func take(reference line: ArraySlice<UInt8>) throws(StoreError) {
    guard line.count > format.digits + 1, let id = ObjectID(format, hex: line.prefix(format.digits)),
      let name = RefName(String(decoding: Array(line.dropFirst(format.digits + 1)), as: UTF8.self))
    else { throw Self.malformed("\(Text.readable(line)) is no reference") }
    references.append(Reference(name: name, id: id))
  }

  /// The header's bytes, with the empty line that ends it.
  var bytes: [UInt8] {
    var text = "# v\(version) git bundle\n"
    if version == 3 { text += "@object-format=\(format.rawValue)\n" }
    for item in prerequisites { text += "-\(item.id) \(item.comment)\n" }
    for item in references { text += "\(item.id) \(item.name)\n" }
    return Array((text + "\n").utf8)
  }
}
