// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrynuxToken} from "../../contracts/CrynuxToken.sol";
import {IncentivePool} from "../../contracts/IncentivePool.sol";
import {NodeRegistry} from "../../contracts/NodeRegistry.sol";
import {TaskConsensus} from "../../contracts/TaskConsensus.sol";
import {Deploy} from "../../contracts/script/Deploy.s.sol";
import {TestBase} from "./base/TestBase.sol";

/// @notice The deployment script: wiring, defaults, and what the environment changes.
contract DeployTest is TestBase {
    function test_Deploy_DefaultsAndThenWhatTheEnvironmentSays() external {
        Deploy script = new Deploy();
        (CrynuxToken token, NodeRegistry registry, TaskConsensus consensus, IncentivePool pool) = script.run();
        address owner = registry.owner();
        vm.assertEq(consensus.owner(), owner);
        vm.assertEq(pool.owner(), owner);
        vm.assertEq(token.balanceOf(owner), token.SUPPLY_WEI());
        vm.assertEq(registry.CONSENSUS(), address(consensus));
        vm.assertEq(registry.INCENTIVE_POOL(), address(pool));
        vm.assertEq(address(consensus.REGISTRY()), address(registry));
        vm.assertEq(address(consensus.TOKEN()), address(token));
        vm.assertEq(address(pool.TOKEN()), address(token));
        vm.assertEq(registry.minimumStakeWei(), 400 ether);
        vm.assertEq(registry.unbondingSeconds(), 1_800);
        vm.assertEq(registry.penaltyBasisPoints(), 200);
        vm.assertEq(consensus.minimumExecutionTimeoutSeconds(), 60);
        vm.assertEq(consensus.maximumExecutionTimeoutSeconds(), 7_200);
        vm.assertEq(consensus.revealWindowSeconds(), 300);
        vm.assertEq(consensus.uploadWindowSeconds(), 600);
        vm.assertEq(consensus.errorFeeBasisPoints(), 2_000);
        vm.assertEq(consensus.hammingThreshold(), 5);
        vm.assertEq(consensus.relays().length, 0);

        vm.setEnv("CRYNUX_DEPLOY_MINIMUM_EXECUTION_TIMEOUT", "5");
        vm.setEnv("CRYNUX_DEPLOY_MAXIMUM_EXECUTION_TIMEOUT", "600");
        vm.setEnv("CRYNUX_DEPLOY_REVEAL_WINDOW", "30");
        vm.setEnv("CRYNUX_DEPLOY_UPLOAD_WINDOW", "30");
        vm.setEnv("CRYNUX_DEPLOY_UNBONDING", "90");
        vm.setEnv("CRYNUX_DEPLOY_MINIMUM_STAKE", "1000000000000000000");
        vm.setEnv("CRYNUX_DEPLOY_MINIMUM_FEE", "7");
        vm.setEnv("CRYNUX_DEPLOY_PENALTY", "300");
        vm.setEnv("CRYNUX_DEPLOY_ERROR_FEE", "1000");
        vm.setEnv("CRYNUX_DEPLOY_HAMMING_THRESHOLD", "6");
        vm.setEnv(
            "CRYNUX_DEPLOY_RELAYS",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8=http://127.0.0.1:1,0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC=https://relay.example/?a=b"
        );
        (, registry, consensus,) = script.run();
        vm.assertEq(registry.minimumStakeWei(), 1 ether);
        vm.assertEq(registry.unbondingSeconds(), 90);
        vm.assertEq(registry.penaltyBasisPoints(), 300);
        vm.assertEq(consensus.minimumExecutionTimeoutSeconds(), 5);
        vm.assertEq(consensus.maximumExecutionTimeoutSeconds(), 600);
        vm.assertEq(consensus.revealWindowSeconds(), 30);
        vm.assertEq(consensus.uploadWindowSeconds(), 30);
        vm.assertEq(consensus.minimumFeeWei(), 7);
        vm.assertEq(consensus.errorFeeBasisPoints(), 1_000);
        vm.assertEq(consensus.hammingThreshold(), 6);
        vm.assertEq(consensus.relayUrl(0x70997970C51812dc3A010C7d01b50e0d17dc79C8), "http://127.0.0.1:1");
        vm.assertEq(consensus.relayUrl(0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC), "https://relay.example/?a=b");

        // A longer upload window needs the longer unbonding first.
        vm.setEnv("CRYNUX_DEPLOY_UPLOAD_WINDOW", "1200");
        vm.setEnv("CRYNUX_DEPLOY_UNBONDING", "7200");
        (, registry, consensus,) = script.run();
        vm.assertEq(registry.unbondingSeconds(), 7_200);
        vm.assertEq(consensus.uploadWindowSeconds(), 1_200);
    }
}
