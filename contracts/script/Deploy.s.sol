// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {CrynuxToken} from "../CrynuxToken.sol";
import {IncentivePool} from "../IncentivePool.sol";
import {NodeRegistry} from "../NodeRegistry.sol";
import {TaskConsensus} from "../TaskConsensus.sol";
import {INodePools} from "../interfaces/INodePools.sol";

/// @dev What this script uses of forge's cheatcodes.
interface ScriptVm {
    function startBroadcast() external;
    function stopBroadcast() external;
    function getNonce(address account) external view returns (uint64);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function readCallers() external view returns (uint256 mode, address sender, address origin);
    function envOr(string calldata name, uint256 defaultValue) external view returns (uint256);
    function envOr(string calldata name, string calldata defaultValue) external view returns (string memory);
    function split(string calldata input, string calldata delimiter) external pure returns (string[] memory);
    function parseAddress(string calldata text) external pure returns (address);
}

/// @title Puts one network on a chain
/// @notice In this order, which is all there is to know for doing it by other means:
///
/// 1. `token = new CrynuxToken()`: the whole supply goes to the deployer
/// 2. `incentivePool = new IncentivePool(token, owner)`
/// 3. `registry = new NodeRegistry(token, incentivePool, consensus, owner)`, where consensus is the address that the next contract
///    will have: it follows from the deployer and its nonce
/// 4. `consensus = new TaskConsensus(token, registry, owner)`, which refuses a registry that names another consensus
/// 5. parameters that are not to have their defaults. Unbonding must always be at least three upload windows: raise it
///    before `setUploadWindow`, lower it after. (With the defaults, 1800 s and 600 s, a longer upload window needs
///    `setUnbonding` first, a shorter unbonding `setUploadWindow` first.)
///    `consensus.setExecutionTimeouts(minimum, maximum)`, `consensus.setRevealWindow(s)`, `consensus.setUploadWindow(s)`,
///    `consensus.setHammingThreshold(bits)`, `consensus.setErrorFee(basisPoints)`, `consensus.setMinimumFee(wei)`,
///    `registry.setUnbonding(s)`, `registry.setMinimumStake(wei)`, `registry.setPenalty(basisPoints)`
/// 6. `consensus.setRelay(signer, url)` for each relay
///
/// The owner is whoever broadcasts. Environment (absent: the contracts' default): CRYNUX_DEPLOY_MINIMUM_EXECUTION_TIMEOUT,
/// CRYNUX_DEPLOY_MAXIMUM_EXECUTION_TIMEOUT, CRYNUX_DEPLOY_REVEAL_WINDOW, CRYNUX_DEPLOY_UPLOAD_WINDOW,
/// CRYNUX_DEPLOY_UNBONDING (seconds), CRYNUX_DEPLOY_MINIMUM_STAKE, CRYNUX_DEPLOY_MINIMUM_FEE (wei),
/// CRYNUX_DEPLOY_PENALTY, CRYNUX_DEPLOY_ERROR_FEE (hundredths of a percent), CRYNUX_DEPLOY_HAMMING_THRESHOLD (bits),
/// CRYNUX_DEPLOY_RELAYS ("0xSigner=https://relay.example,0xOther=…").
///
/// `forge script contracts/script/Deploy.s.sol --rpc-url … --broadcast --private-key …` (or `--unlocked --sender …`);
/// with `--json` the addresses are in `returns`: token, registry, consensus, incentivePool.
contract Deploy {
    ScriptVm private constant _VM = ScriptVm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice Deploys, wires and configures all four contracts. Whoever broadcasts owns them.
    function run()
        external
        returns (CrynuxToken token, NodeRegistry registry, TaskConsensus consensus, IncentivePool incentivePool)
    {
        _VM.startBroadcast();
        (, address owner,) = _VM.readCallers();
        token = new CrynuxToken();
        incentivePool = new IncentivePool(IERC20(address(token)), owner);
        address consensusAddress = _VM.computeCreateAddress(owner, _VM.getNonce(owner) + 1);
        registry = new NodeRegistry(IERC20(address(token)), address(incentivePool), consensusAddress, owner);
        consensus = new TaskConsensus(IERC20(address(token)), INodePools(address(registry)), owner);
        _setParameters(registry, consensus);
        _setRelays(consensus);
        _VM.stopBroadcast();
    }

    function _setParameters(NodeRegistry registry, TaskConsensus consensus) private {
        uint256 unbonding = _env("UNBONDING", registry.unbondingSeconds());
        if (unbonding > registry.unbondingSeconds()) registry.setUnbonding(unbonding);
        uint256 upload = _env("UPLOAD_WINDOW", consensus.uploadWindowSeconds());
        if (upload != consensus.uploadWindowSeconds()) consensus.setUploadWindow(upload);
        if (unbonding < registry.unbondingSeconds()) registry.setUnbonding(unbonding);

        uint256 minimum = _env("MINIMUM_EXECUTION_TIMEOUT", consensus.minimumExecutionTimeoutSeconds());
        uint256 maximum = _env("MAXIMUM_EXECUTION_TIMEOUT", consensus.maximumExecutionTimeoutSeconds());
        if (
            minimum != consensus.minimumExecutionTimeoutSeconds()
                || maximum != consensus.maximumExecutionTimeoutSeconds()
        ) {
            consensus.setExecutionTimeouts(minimum, maximum);
        }
        uint256 value = _env("REVEAL_WINDOW", consensus.revealWindowSeconds());
        if (value != consensus.revealWindowSeconds()) consensus.setRevealWindow(value);
        value = _env("HAMMING_THRESHOLD", consensus.hammingThreshold());
        if (value != consensus.hammingThreshold()) consensus.setHammingThreshold(value);
        value = _env("ERROR_FEE", consensus.errorFeeBasisPoints());
        if (value != consensus.errorFeeBasisPoints()) consensus.setErrorFee(value);
        value = _env("MINIMUM_FEE", consensus.minimumFeeWei());
        if (value != consensus.minimumFeeWei()) consensus.setMinimumFee(value);
        value = _env("MINIMUM_STAKE", registry.minimumStakeWei());
        if (value != registry.minimumStakeWei()) registry.setMinimumStake(value);
        value = _env("PENALTY", registry.penaltyBasisPoints());
        if (value != registry.penaltyBasisPoints()) registry.setPenalty(value);
    }

    function _setRelays(TaskConsensus consensus) private {
        string memory relays = _VM.envOr("CRYNUX_DEPLOY_RELAYS", string(""));
        if (bytes(relays).length == 0) return;
        string[] memory entries = _VM.split(relays, ",");
        for (uint256 i = 0; i < entries.length; ++i) {
            bytes memory entry = bytes(entries[i]);
            // An address is 42 characters, then comes "=".
            consensus.setRelay(_VM.parseAddress(string(_slice(entry, 0, 42))), string(_slice(entry, 43, entry.length)));
        }
    }

    function _env(string memory name, uint256 defaultValue) private view returns (uint256) {
        return _VM.envOr(string.concat("CRYNUX_DEPLOY_", name), defaultValue);
    }

    function _slice(bytes memory text, uint256 from, uint256 to) private pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i = from; i < to; ++i) {
            part[i - from] = text[i];
        }
    }
}
