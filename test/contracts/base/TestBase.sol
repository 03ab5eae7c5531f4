// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev What the tests use of forge's cheatcodes.
interface Vm {
    enum ForgeContext {
        TestGroup,
        Test,
        Coverage
    }

    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
    function roll(uint256 blockNumber) external;
    function etch(address target, bytes calldata code) external;
    function chainId(uint256 id) external;
    function setBlockhash(uint256 blockNumber, bytes32 hash) external;
    function deployCode(string calldata artifact, bytes calldata arguments) external returns (address);
    function isContext(ForgeContext context) external view returns (bool);
    function getNonce(address account) external view returns (uint64);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit(address emitter) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool);
    function revertToStateAndDelete(uint256 id) external returns (bool);
    function lastCallGas() external view returns (Gas memory);
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
    function store(address target, bytes32 slot, bytes32 value) external;
    function setEnv(string calldata name, string calldata value) external;
    function envOr(string calldata name, bool defaultValue) external view returns (bool);
    function pauseGasMetering() external;
    function envOr(string calldata name, string calldata otherwise) external view returns (string memory);
    function writeLine(string calldata path, string calldata text) external;
    function toString(uint256 value) external pure returns (string memory);
    function assume(bool condition) external pure;
    function assertTrue(bool condition, string calldata message) external pure;
    function assertTrue(bool condition) external pure;
    function assertFalse(bool condition, string calldata message) external pure;
    function assertFalse(bool condition) external pure;
    function assertEq(uint256 a, uint256 b, string calldata message) external pure;
    function assertEq(uint256 a, uint256 b) external pure;
    function assertEq(address a, address b, string calldata message) external pure;
    function assertEq(address a, address b) external pure;
    function assertEq(bytes32 a, bytes32 b) external pure;
    function assertEq(bytes calldata a, bytes calldata b) external pure;
    function assertEq(bytes32 a, bytes32 b, string calldata message) external pure;
    function assertEq(bytes calldata a, bytes calldata b, string calldata message) external pure;
    function assertEq(string calldata a, string calldata b) external pure;
    function assertLe(uint256 a, uint256 b, string calldata message) external pure;
    function assertGe(uint256 a, uint256 b, string calldata message) external pure;
}

/// @dev The cheatcodes, and printing to forge's console.
abstract contract TestBase {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address private constant _CONSOLE = 0x000000000000000000636F6e736F6c652e6c6f67;

    /// @dev A value within [lower, upper], every one of them about equally likely for a random `value`.
    function bound(uint256 value, uint256 lower, uint256 upper) internal pure returns (uint256) {
        return lower + value % (upper - lower + 1);
    }

    function print(string memory name, uint256 value) internal view {
        (bool done,) = _CONSOLE.staticcall(abi.encodeWithSignature("log(string,uint256)", name, value));
        done;
    }
}
