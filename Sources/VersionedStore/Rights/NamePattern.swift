/// A pattern for names with slashes: `*` stands for any bytes but slashes, and a part that is `**` for any number of
/// parts, also none. All else stands for itself.
///
/// Matching takes at most the product of both lengths.
public struct NamePattern: Hashable, Sendable {
  private let parts: [[UInt8]]

  public init(_ text: String) { parts = Self.parts(text) }

  /// What every name matches.
  public static let all = NamePattern("**")

  public func matches(_ name: String) -> Bool {
    Self.matches(
      Self.parts(name)[...], parts[...], isRun: { $0.elementsEqual(Self.run) },
      matchesOne: { Self.matches($0[...], $1[...], isRun: { $0 == UInt8(ascii: "*") }, matchesOne: ==) })
  }

  private static let run = Array("**".utf8)

  private static func parts(_ text: String) -> [[UInt8]] {
    text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Array($0) }
  }

  /// Matches a list of elements against one of patterns, of which some stand for any run of elements. Only the last run
  /// is ever made longer: a longer one before it would only leave less for what follows.
  private static func matches<Element>(
    _ list: ArraySlice<Element>, _ patterns: ArraySlice<Element>, isRun: (Element) -> Bool,
    matchesOne: (_ element: Element, _ pattern: Element) -> Bool
  ) -> Bool {
    var (index, place) = (list.startIndex, patterns.startIndex)
    var lastRun: (place: Int, index: Int)?
    while index < list.endIndex {
      if place < patterns.endIndex, isRun(patterns[place]) {
        lastRun = (place, index)
        place += 1
      } else if place < patterns.endIndex, matchesOne(list[index], patterns[place]) {
        index += 1
        place += 1
      } else if let run = lastRun {
        lastRun = (run.place, run.index + 1)
        (index, place) = (run.index + 1, run.place + 1)
      } else {
        return false
      }
    }
    return patterns[place...].allSatisfy(isRun)
  }
}
