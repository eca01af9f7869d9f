import GitFormat
import HostSystem
import StoreSync
import TestSupport
import Testing
import VersionedStore

@testable import StoreCommands

/// Values are set and read, and stock git sees the same.
@Suite struct ValueTests {
}
