import GitFormat
import Testing

@testable import VersionedStore

@Suite struct DirectoriesTests {
  @Test func changesThatAreAppliedAreTheDifferences() throws {
    let buffer = ObjectBuffer(over: MemoryBackend())
    let blob = try buffer.write(.blob, [1])
    let a = TreeEntry("a", .file, blob), b = TreeEntry("b", .file, blob)
    let one = try Directories.applying([EntryChange("a", from: nil, to: a)], to: nil, in: buffer)
    let two = try Directories.applying([EntryChange("b", from: nil, to: b)], to: one, in: buffer)
    #expect(try Directories.differences(from: one, to: two, in: buffer) == [EntryChange("b", from: nil, to: b)])
    #expect(try Directories.entries(of: two, in: buffer) == [a, b])
  }
}
