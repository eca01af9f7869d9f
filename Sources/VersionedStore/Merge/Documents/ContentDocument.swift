public import GitFormat

/// A file of vCards (RFC 6350) or of iCalendar objects (RFC 5545), merged by component and property.
///
/// - Components are known by UID and RECURRENCE-ID, time zones by TZID, alarms by UID.
/// - Properties that may stand several times (TEL, ATTENDEE, …) are known by their values, others by their names.
/// - REV, LAST-MODIFIED, DTSTAMP and SEQUENCE become the later one of both sides.
/// - Properties that are not known here are merged like others; what nobody changed keeps its bytes.
public struct ContentDocument: Mergeable, Hashable {
  private(set) var components: [ContentComponent]

  private static let maximumDepth = 16

  /// - Throws: where a line is no content line, or BEGIN and END do not match.
  public init(decoding bytes: [UInt8]) throws(FormatError) {
    var done: [ContentComponent] = []
    var open: [ContentComponent] = []
    for line in try ContentLine.lines(bytes) {
      switch line.name {
      case "BEGIN":
        guard open.count < Self.maximumDepth else { throw Self.error("components nest too deep") }
        open.append(ContentComponent(begin: line, end: line))
      case "END":
        guard var component = open.popLast(), component.name.utf8.elementsEqual(line.value.map(ContentLine.upper))
        else {
          throw Self.error("an END has no BEGIN")
        }
        component.end = line
        if open.isEmpty { done.append(component) } else { open[open.count - 1].items.append(.component(component)) }
      default:
        guard !open.isEmpty else { throw Self.error("a property is outside of all components") }
        open[open.count - 1].items.append(.property(line))
      }
    }
    guard open.isEmpty else { throw Self.error("a component has no END") }
    components = done
  }

  private static func error(_ why: String) -> FormatError { FormatError("vCard or iCalendar", why) }

  public var encoded: [UInt8] {
    var text: [UInt8] = []
    for line in components.lazy.flatMap(\.lines) {
      if let last = text.last, last != UInt8(ascii: "\n") { text += Array("\r\n".utf8) }
      text += line.raw
    }
    return text
  }

  public static let merge = MergeFunction<ContentDocument> { (base, ours, theirs) throws(MergeFailure) in
    if ours == theirs { return ours }
    let old = try base.value()
    if old == ours { return theirs }
    if old == theirs { return ours }
    func items(_ document: ContentDocument?) -> [ContentComponent.Item] {
      (document?.components ?? []).map { .component($0) }
    }
    let merged = try ContentMerge.items(items(old), items(ours), items(theirs))
    var document = ours
    document.components = merged.compactMap { if case .component(let component) = $0 { component } else { nil } }
    return document
  }
}
